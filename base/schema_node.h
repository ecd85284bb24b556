// What a Schema holds inside; for base/schema*.cpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/schema.h"

namespace cairn {

struct SchemaNode {
  enum class Type { boolean, integer, number, string, anything, list, object, map, tagged };

  Type type = Type::anything;
  std::optional<double> min, max, above;
  std::vector<std::string> choices;
  std::optional<Json> fallback;  // def(): the value when the field is missing
  std::vector<Schema> item;      // list, map: one
  std::vector<Field> fields;     // object
  std::string tag;               // tagged
  std::vector<Variant> variants;

  bool nullable() const { return fallback && fallback->is_null(); }
};

// "an integer >= 1", "one of 'a', 'b'"
std::string expectation(const SchemaNode& node);

}  // namespace cairn
