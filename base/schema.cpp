#include "base/schema.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/json.h"
#include "base/schema_node.h"
#include "base/utf8.h"

namespace cairn {
namespace {

using Type = SchemaNode::Type;

Schema make(SchemaNode node) {
  return Schema(std::make_shared<const SchemaNode>(std::move(node)));
}

Schema of_type(Type type) {
  SchemaNode node;
  node.type = type;
  return make(std::move(node));
}

template <typename Change>
Schema changed(const Schema& schema, Change&& change) {
  SchemaNode node = schema.node();
  change(node);
  return make(std::move(node));
}

void refuse_twins(const std::vector<Field>& fields) {
  std::set<std::string_view> names;
  for (const Field& field : fields) {
    if (!names.insert(field.name).second) fail("a schema names the field '{}' twice", field.name);
  }
}

// config + lr -> config.lr; keys that would not read well in a path stand in brackets.
std::string join(std::string_view path, std::string_view key) {
  const bool plain = !key.empty() &&
                     std::all_of(key.begin(), key.end(), [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; });
  if (!plain) return fmt::format("{}[{}]", path, canonical_json(Json(key)));
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

// A value as an error shows it.
std::string found(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  std::string text = canonical_json(value);
  if (text.size() <= 60) return text;
  std::size_t end = 50;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // between code points
  return text.substr(0, end) + "…\"";
}

[[noreturn]] void wrong_value(const SchemaNode& node, const Json& value, std::string_view path) {
  std::string hint;
  if (value.is_string()) {
    const std::string near = nearest_name(value.get_ref<const std::string&>(), node.choices);
    if (!near.empty()) hint = fmt::format(". Did you mean '{}'?", near);
  }
  fail_usage("{}: expected {}, found {}{}", path, expectation(node), found(value), hint);
}

bool in_range(const SchemaNode& node, double number) {
  return !(node.min && number < *node.min) && !(node.max && number > *node.max) && !(node.above && number <= *node.above);
}

std::size_t code_points(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](unsigned char c) { return (c & 0xC0) != 0x80; }));
}

Json complete_integer(const SchemaNode& node, const Json& value, std::string_view path) {
  std::int64_t number = 0;
  if (value.is_number_unsigned()) {
    const auto wide = value.get<std::uint64_t>();
    if (wide > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) wrong_value(node, value, path);
    number = static_cast<std::int64_t>(wide);
  } else if (value.is_number_integer()) {
    number = value.get<std::int64_t>();
  } else if (value.is_number_float()) {
    // 1e3 is how people write a thousand; beyond 2^53 a double no longer says which integer was meant.
    const double wide = value.get<double>();
    if (wide != std::floor(wide) || std::abs(wide) > 0x1p53) wrong_value(node, value, path);
    number = static_cast<std::int64_t>(wide);
  } else {
    wrong_value(node, value, path);
  }
  if (!in_range(node, static_cast<double>(number))) wrong_value(node, value, path);
  return number;
}

Json complete_number(const SchemaNode& node, const Json& value, std::string_view path) {
  if (!value.is_number()) wrong_value(node, value, path);
  const double number = value.get<double>();
  if (!std::isfinite(number))
    fail_usage("{}: expected {}, found {}", path, expectation(node), std::isnan(number) ? "NaN" : "infinity");
  if (!in_range(node, number)) wrong_value(node, value, path);
  return number;
}

Json complete_string(const SchemaNode& node, const Json& value, std::string_view path) {
  if (!value.is_string()) wrong_value(node, value, path);
  const auto& text = value.get_ref<const std::string&>();
  if (!node.choices.empty() && std::find(node.choices.begin(), node.choices.end(), text) == node.choices.end())
    wrong_value(node, value, path);
  if (!in_range(node, static_cast<double>(code_points(text)))) wrong_value(node, value, path);
  return value;
}

Json complete_value(const SchemaNode& node, const Json& value, const std::string& path);

Json complete_list(const SchemaNode& node, const Json& value, const std::string& path) {
  if (!value.is_array()) wrong_value(node, value, path);
  if (!in_range(node, static_cast<double>(value.size()))) {
    fail_usage("{}: expected {}, found {} item{}", path, expectation(node), value.size(), value.size() == 1 ? "" : "s");
  }
  Json out = Json::array();
  for (std::size_t i = 0; i < value.size(); ++i)
    out.push_back(complete_value(node.item[0].node(), value[i], fmt::format("{}[{}]", path, i)));
  return out;
}

Json complete_map(const SchemaNode& node, const Json& value, const std::string& path) {
  if (!value.is_object()) wrong_value(node, value, path);
  Json out = Json::object();
  for (const auto& [key, item] : value.items()) out[key] = complete_value(node.item[0].node(), item, join(path, key));
  return out;
}

// `tag`: a key that stands beside the fields, already checked; empty for a plain object.
Json complete_fields(const std::vector<Field>& fields, const std::string& tag, const Json& value, const std::string& path) {
  std::vector<std::string> names;
  for (const Field& field : fields) names.push_back(field.name);
  if (!tag.empty()) names.push_back(tag);
  for (const auto& [key, item] : value.items()) {
    if (std::find(names.begin(), names.end(), key) != names.end()) continue;
    const std::string near = nearest_name(key, names);
    if (!near.empty()) fail_usage("{}: unknown field. Did you mean '{}'?", join(path, key), near);
    if (names.empty()) fail_usage("{}: unknown field. There are none here", join(path, key));
    fail_usage("{}: unknown field. Known here: {}", join(path, key), fmt::join(names, ", "));
  }
  Json out = Json::object();
  for (const Field& field : fields) {
    const SchemaNode& node = field.schema.node();
    const auto given = value.find(field.name);
    const std::string at = join(path, field.name);
    if (given != value.end()) {
      out[field.name] = complete_value(node, *given, at);
    } else if (node.fallback) {
      out[field.name] = complete_value(node, *node.fallback, at);
    } else {
      fail_usage("{}: missing; expected {}{}", at, expectation(node), field.help.empty() ? "" : " (" + field.help + ")");
    }
  }
  return out;
}

Json complete_tagged(const SchemaNode& node, const Json& value, const std::string& path) {
  if (!value.is_object()) wrong_value(node, value, path);
  const auto given = value.find(node.tag);
  SchemaNode name;
  name.type = Type::string;
  for (const Variant& variant : node.variants) name.choices.push_back(variant.name);
  if (given == value.end()) fail_usage("{}: missing; expected {}", join(path, node.tag), expectation(name));
  const Json chosen = complete_string(name, *given, join(path, node.tag));
  for (const Variant& variant : node.variants) {
    if (variant.name != chosen.get_ref<const std::string&>()) continue;
    Json out = complete_fields(variant.fields, node.tag, value, path);
    out[node.tag] = chosen;
    return out;
  }
  return {};  // unreachable: the name is one of the choices
}

Json complete_value(const SchemaNode& node, const Json& value, const std::string& path) {
  if (value.is_null() && node.nullable()) return nullptr;
  switch (node.type) {
    case Type::boolean:
      if (!value.is_boolean()) wrong_value(node, value, path);
      return value;
    case Type::integer:
      return complete_integer(node, value, path);
    case Type::number:
      return complete_number(node, value, path);
    case Type::string:
      return complete_string(node, value, path);
    case Type::anything:
      return value;
    case Type::list:
      return complete_list(node, value, path);
    case Type::map:
      return complete_map(node, value, path);
    case Type::object:
      if (!value.is_object()) wrong_value(node, value, path);
      return complete_fields(node.fields, "", value, path);
    case Type::tagged:
      return complete_tagged(node, value, path);
  }
  return {};
}

}  // namespace

Schema Schema::min(double low) const {
  return changed(*this, [&](SchemaNode& node) { node.min = low; });
}
Schema Schema::max(double high) const {
  return changed(*this, [&](SchemaNode& node) { node.max = high; });
}
Schema Schema::above(double low) const {
  return changed(*this, [&](SchemaNode& node) { node.above = low; });
}
Schema Schema::one_of(std::vector<std::string> names) const {
  return changed(*this, [&](SchemaNode& node) { node.choices = std::move(names); });
}
Schema Schema::def(Json value) const {
  return changed(*this, [&](SchemaNode& node) { node.fallback = std::move(value); });
}

Json Schema::complete(const Json& value, std::string_view path) const {
  return complete_value(node(), value, std::string(path));
}

Schema boolean() {
  return of_type(Type::boolean);
}
Schema integer() {
  return of_type(Type::integer);
}
Schema number() {
  return of_type(Type::number);
}
Schema string() {
  return of_type(Type::string);
}
Schema anything() {
  return of_type(Type::anything);
}

Schema list(Schema item) {
  SchemaNode node;
  node.type = Type::list;
  node.item.push_back(std::move(item));
  return make(std::move(node));
}

Schema map(Schema value) {
  SchemaNode node;
  node.type = Type::map;
  node.item.push_back(std::move(value));
  return make(std::move(node));
}

Schema object(std::vector<Field> fields) {
  refuse_twins(fields);
  SchemaNode node;
  node.type = Type::object;
  node.fields = std::move(fields);
  return make(std::move(node));
}

Schema tagged(std::string tag, std::vector<Variant> variants) {
  for (const Variant& variant : variants) {
    refuse_twins(variant.fields);
    for (const Field& field : variant.fields) {
      if (field.name == tag) fail("a schema names the field '{}' twice", tag);
    }
  }
  SchemaNode node;
  node.type = Type::tagged;
  node.tag = std::move(tag);
  node.variants = std::move(variants);
  return make(std::move(node));
}

Field field(std::string name, Schema schema, std::string help) {
  return {std::move(name), std::move(schema), std::move(help)};
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  // Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours cost 1.
  const auto distance = [](std::string_view a, std::string_view b) {
    std::vector<std::size_t> two_back(b.size() + 1), back(b.size() + 1), now(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) back[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
      now[0] = i;
      for (std::size_t j = 1; j <= b.size(); ++j) {
        now[j] = std::min({back[j] + 1, now[j - 1] + 1, back[j - 1] + (a[i - 1] != b[j - 1])});
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], two_back[j - 2] + 1);
      }
      std::swap(two_back, back);
      std::swap(back, now);
    }
    return back[b.size()];
  };
  if (name.size() > 200) return "";
  std::string best;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (const std::string& candidate : candidates) {
    if (candidate.size() > 200) continue;
    const std::size_t edits = distance(name, candidate);
    // A third of the letters wrong is still a typo; more is another word.
    if (edits < least && edits <= std::max<std::size_t>(1, std::max(name.size(), candidate.size()) / 3) &&
        edits < candidate.size()) {
      least = edits;
      best = candidate;
    }
  }
  return best;
}

}  // namespace cairn
