#include "engine/text/json_fields.h"

#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "engine/text/unicode.h"

namespace cairn::text {
namespace {

const Json& required(const Json& object, std::string_view key, const std::string& origin) {
  if (!object.is_object()) fail("{}: expected an object, found {}", origin, short_text(object));
  const auto found = object.find(key);
  if (found == object.end()) fail("{}: the key \"{}\" is missing", origin, key);
  return *found;
}

}  // namespace

std::string short_text(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() <= 60) return text;
  text.resize(57);
  return text.substr(0, text.size() - unfinished_utf8_suffix(text)) + "...";
}

const Json& object_field(const Json& object, std::string_view key, const std::string& origin) {
  const Json& value = required(object, key, origin);
  if (!value.is_object()) fail("{}.{}: expected an object, found {}", origin, key, short_text(value));
  return value;
}

const Json& array_field(const Json& object, std::string_view key, const std::string& origin) {
  const Json& value = required(object, key, origin);
  if (!value.is_array()) fail("{}.{}: expected a list, found {}", origin, key, short_text(value));
  return value;
}

std::string string_field(const Json& object, std::string_view key, const std::string& origin) {
  const Json& value = required(object, key, origin);
  if (!value.is_string()) fail("{}.{}: expected a string, found {}", origin, key, short_text(value));
  return value.get<std::string>();
}

bool bool_field(const Json& object, std::string_view key, const std::string& origin, bool missing) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return missing;
  if (!found->is_boolean()) fail("{}.{}: expected true or false, found {}", origin, key, short_text(*found));
  return found->get<bool>();
}

std::string optional_string_field(const Json& object, std::string_view key, const std::string& origin) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "";
  if (!found->is_string()) fail("{}.{}: expected a string, found {}", origin, key, short_text(*found));
  return found->get<std::string>();
}

std::int32_t id_value(const Json& value, const std::string& origin) {
  if (!value.is_number_integer()) fail("{}: expected an id (a whole number), found {}", origin, short_text(value));
  const auto id = value.is_number_unsigned()
                      ? static_cast<std::int64_t>(std::min<std::uint64_t>(value.get<std::uint64_t>(), 1u << 31))
                      : value.get<std::int64_t>();
  if (id < 0 || id >= std::numeric_limits<std::int32_t>::max()) fail("{}: {} is not a possible id", origin, short_text(value));
  return static_cast<std::int32_t>(id);
}

}  // namespace cairn::text
