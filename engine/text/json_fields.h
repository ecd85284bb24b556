// Reading the fields of a tokenizer.json with errors that name the place, the key, what was expected and what was found.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json_fwd.h"

namespace cairn::text {

// `origin` names the object ("tokenizer.json: model"). Missing or wrongly typed fields throw Error.
const Json& object_field(const Json& object, std::string_view key, const std::string& origin);
const Json& array_field(const Json& object, std::string_view key, const std::string& origin);
std::string string_field(const Json& object, std::string_view key, const std::string& origin);
// A missing or null field is `missing`.
bool bool_field(const Json& object, std::string_view key, const std::string& origin, bool missing);
std::string optional_string_field(const Json& object, std::string_view key, const std::string& origin);  // null or missing: ""
// An integer in [0, 2^31 - 1).
std::int32_t id_value(const Json& value, const std::string& origin);

// A value for an error: at most 60 bytes of its JSON.
std::string short_text(const Json& value);

}  // namespace cairn::text
