// Config schemas: what a step's or a file's config may hold, with defaults and one-line documentation.
//
//   const Schema schema = object({
//       field("steps", integer().min(1), "optimizer steps"),                       // required: no default
//       field("lr", number().min(0).def(3e-4), "peak learning rate"),
//       field("filters", list(object({...})).def(Json::array()), "in order"),
//   });
//   const Config config(schema.complete(json, "config"));     // defaults written out, everything checked
//   config.integer("steps")
//
// Errors name the path, what was expected and what was found, and for an unknown key the nearest known name:
//   config.filters[3].thresold: unknown field. Did you mean 'threshold'?
//   config.lr: expected a number >= 0, found "high"
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"

namespace cairn {

struct SchemaNode;

// An immutable description of a value; cheap to copy. Builder calls return a changed copy.
class Schema {
 public:
  Schema min(double low) const;                       // integers and numbers: inclusive; strings and lists: least length
  Schema max(double high) const;
  Schema above(double low) const;                     // numbers: exclusive lower bound
  Schema one_of(std::vector<std::string> names) const;
  Schema def(Json value) const;                       // the value of a missing field. def(nullptr) makes a field optional: null or absent

  // Returns `value` with defaults written out at every depth; throws Error (ExitCode::usage). `path` begins each error.
  // Integers given as whole doubles (1e3) become integers. The result is the same for {} and for spelled-out defaults.
  Json complete(const Json& value, std::string_view path) const;

  // A table for people: field, type, default, range, documentation.
  std::string describe() const;
  // JSON Schema (draft 2020-12) of the same.
  Json json_schema() const;

  explicit Schema(std::shared_ptr<const SchemaNode> node) : node_(std::move(node)) {}
  const SchemaNode& node() const { return *node_; }

 private:
  std::shared_ptr<const SchemaNode> node_;
};

struct Field {
  std::string name;
  Schema schema;
  std::string help;
};

Schema boolean();
Schema integer();
Schema number();
Schema string();
Schema anything();                                     // any JSON, kept as it is
Schema list(Schema item);
Schema object(std::vector<Field> fields);              // unknown keys are refused
Schema map(Schema value);                              // any keys, values alike
// An object whose member `tag` names one of the variants; the variant's fields stand beside it.
struct Variant {
  std::string name;
  std::vector<Field> fields;
  std::string help;
};
Schema tagged(std::string tag, std::vector<Variant> variants);
Field field(std::string name, Schema schema, std::string help);

// Typed reading of a completed config. A wrong name or type here is a programmer's error and throws Error naming the path.
class Config {
 public:
  explicit Config(Json value, std::string path = "config");
  ~Config();
  Config(const Config&);
  Config& operator=(const Config&);
  Config(Config&&) noexcept;
  Config& operator=(Config&&) noexcept;

  bool boolean(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;
  std::string string(std::string_view name) const;
  std::vector<std::string> strings(std::string_view name) const;
  std::vector<double> numbers(std::string_view name) const;
  std::vector<std::int64_t> integers(std::string_view name) const;
  bool has(std::string_view name) const;               // present and not null
  Config object(std::string_view name) const;
  std::vector<Config> objects(std::string_view name) const;
  const Json& json() const;                            // the whole value
  const Json& json(std::string_view name) const;

 private:
  std::unique_ptr<Json> value_;
  std::string path_;
};

// The candidate with the least edit distance to `name`, if it is near enough to be a likely typo; else empty.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace cairn
