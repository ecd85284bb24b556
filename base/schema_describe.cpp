// A schema in words, as a table, and as JSON Schema.
#include <cmath>

#include <fmt/ranges.h>

#include "base/format.h"
#include "base/schema.h"
#include "base/schema_node.h"

namespace cairn {
namespace {

using Type = SchemaNode::Type;

// 1 rather than 1.0, 10000000 rather than 1e+07.
std::string limit(double number) {
  if (number == std::floor(number) && std::abs(number) < 1e15) return fmt::format("{:.0f}", number);
  return fmt::format("{}", number);
}

std::string noun(Type type) {
  switch (type) {
    case Type::boolean:
      return "true or false";
    case Type::integer:
      return "an integer";
    case Type::number:
      return "a number";
    case Type::string:
      return "a string";
    case Type::anything:
      return "any value";
    case Type::list:
      return "a list";
    case Type::object:
    case Type::map:
    case Type::tagged:
      return "an object";
  }
  return "";
}

// ">= 1", "> 0 and <= 1", "from 1 to 8"
std::string range(const SchemaNode& node) {
  if (node.min && node.max) return fmt::format("from {} to {}", limit(*node.min), limit(*node.max));
  std::string low = node.above ? "> " + limit(*node.above) : node.min ? ">= " + limit(*node.min) : "";
  const std::string high = node.max ? "<= " + limit(*node.max) : "";
  return low + (low.empty() || high.empty() ? "" : " and ") + high;
}

std::string quoted_choices(const SchemaNode& node) {
  std::string text = "one of ";
  for (std::size_t i = 0; i < node.choices.size(); ++i) text += fmt::format("{}'{}'", i > 0 ? ", " : "", node.choices[i]);
  return text;
}

bool is_counted(Type type) {
  return type == Type::string || type == Type::list;
}

std::string short_type(const SchemaNode& node) {
  switch (node.type) {
    case Type::boolean:
      return "boolean";
    case Type::integer:
      return "integer";
    case Type::number:
      return "number";
    case Type::string:
      return "string";
    case Type::anything:
      return "any";
    case Type::list:
      return "list of " + short_type(node.item[0].node());
    case Type::map:
      return "map of " + short_type(node.item[0].node());
    case Type::object:
    case Type::tagged:
      return "object";
  }
  return "";
}

std::string range_cell(const SchemaNode& node) {
  if (!node.choices.empty()) return fmt::format("{}", fmt::join(node.choices, " | "));
  if (node.type == Type::list || node.type == Type::map) {
    const std::string inner = range_cell(node.item[0].node());
    const std::string own = range(node).empty() ? "" : "length " + range(node);
    return own.empty() ? inner : inner.empty() ? own : own + "; each " + inner;
  }
  const std::string text = range(node);
  return text.empty() ? "" : node.type == Type::string ? "length " + text : text;
}

void describe_fields(TextTable& table, const std::vector<Field>& fields, const std::string& path);

void describe_inside(TextTable& table, const SchemaNode& node, const std::string& path) {
  if (node.type == Type::list) describe_inside(table, node.item[0].node(), path + "[]");
  if (node.type == Type::map) describe_inside(table, node.item[0].node(), path + ".*");
  if (node.type == Type::object) describe_fields(table, node.fields, path.empty() ? "" : path + ".");
  if (node.type != Type::tagged) return;
  for (const Variant& variant : node.variants) {
    const std::string begin = path.empty() ? "" : path + ".";
    table.add({fmt::format("{}{} = {}", begin, node.tag, variant.name), "", "", "", variant.help});
    describe_fields(table, variant.fields, begin);
  }
}

void describe_fields(TextTable& table, const std::vector<Field>& fields, const std::string& path) {
  for (const Field& field : fields) {
    const SchemaNode& node = field.schema.node();
    const std::string fallback = !node.fallback ? "(required)" : node.nullable() ? "(none)" : canonical_json(*node.fallback);
    table.add({path + field.name, short_type(node), fallback, range_cell(node), field.help});
    describe_inside(table, node, path + field.name);
  }
}

Json json_schema_of(const SchemaNode& node);

Json json_schema_of_fields(const std::vector<Field>& fields) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const Field& field : fields) {
    Json property = json_schema_of(field.schema.node());
    if (!field.help.empty()) property["description"] = field.help;
    properties[field.name] = std::move(property);
    if (!field.schema.node().fallback) required.push_back(field.name);
  }
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

Json json_schema_of_type(const SchemaNode& node) {
  switch (node.type) {
    case Type::boolean:
      return {{"type", "boolean"}};
    case Type::integer:
      return {{"type", "integer"}};
    case Type::number:
      return {{"type", "number"}};
    case Type::string:
      return {{"type", "string"}};
    case Type::anything:
      return Json::object();
    case Type::list:
      return {{"type", "array"}, {"items", json_schema_of(node.item[0].node())}};
    case Type::map:
      return {{"type", "object"}, {"additionalProperties", json_schema_of(node.item[0].node())}};
    case Type::object:
      return json_schema_of_fields(node.fields);
    case Type::tagged:
      break;
  }
  Json variants = Json::array();
  for (const Variant& variant : node.variants) {
    Json one = json_schema_of_fields(variant.fields);
    one["properties"][node.tag] = {{"const", variant.name}};
    one["required"].push_back(node.tag);
    if (!variant.help.empty()) one["description"] = variant.help;
    variants.push_back(std::move(one));
  }
  return {{"oneOf", std::move(variants)}};
}

Json json_schema_of(const SchemaNode& node) {
  Json schema = json_schema_of_type(node);
  const bool text = node.type == Type::string;
  const bool counted = is_counted(node.type);
  // Whole limits as integers: lengths have to be, and they read better.
  const auto put = [&](const char* key, const std::optional<double>& number) {
    if (!number) return;
    if (*number == std::floor(*number) && std::abs(*number) < 0x1p53) {
      schema[key] = static_cast<std::int64_t>(*number);
    } else {
      schema[key] = *number;
    }
  };
  put(counted ? (text ? "minLength" : "minItems") : "minimum", node.min);
  put(counted ? (text ? "maxLength" : "maxItems") : "maximum", node.max);
  put("exclusiveMinimum", node.above);
  if (!node.choices.empty()) schema["enum"] = node.choices;
  if (node.nullable() && node.type != Type::anything) schema = {{"anyOf", {std::move(schema), {{"type", "null"}}}}};
  if (node.fallback) schema["default"] = *node.fallback;
  return schema;
}

}  // namespace

std::string expectation(const SchemaNode& node) {
  std::string text = node.choices.empty() ? noun(node.type) : quoted_choices(node);
  if (const std::string limits = range(node); !limits.empty()) {
    text += node.type == Type::string ? " of length " + limits : node.type == Type::list ? " of length " + limits : " " + limits;
  }
  if (node.nullable()) text += " or null";
  return text;
}

std::string Schema::describe() const {
  TextTable table({"field", "type", "default", "range", "what it is"});
  describe_inside(table, node(), "");
  return table.render();
}

Json Schema::json_schema() const {
  Json schema = json_schema_of(node());
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  return schema;
}

}  // namespace cairn
