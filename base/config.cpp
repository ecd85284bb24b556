#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"

namespace cairn {

Config::Config(Json value, std::string path) : value_(std::make_unique<Json>(std::move(value))), path_(std::move(path)) {}
Config::~Config() = default;
Config::Config(const Config& other) : value_(std::make_unique<Json>(*other.value_)), path_(other.path_) {}
Config& Config::operator=(const Config& other) {
  if (this != &other) *this = Config(other);
  return *this;
}
Config::Config(Config&&) noexcept = default;
Config& Config::operator=(Config&&) noexcept = default;

namespace {

std::string at(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

[[noreturn]] void wrong_type(const std::string& path, const char* asked, const Json& value) {
  fail("{}: read as {}, but it is {}", path, asked, value.is_null() ? "null" : value.type_name());
}

std::int64_t read_integer(const Json& value, const std::string& path) {
  if (!value.is_number_integer()) wrong_type(path, "an integer", value);
  return value.get<std::int64_t>();
}
double read_number(const Json& value, const std::string& path) {
  if (!value.is_number()) wrong_type(path, "a number", value);
  return value.get<double>();
}
std::string read_string(const Json& value, const std::string& path) {
  if (!value.is_string()) wrong_type(path, "a string", value);
  return value.get<std::string>();
}

template <typename Read>
auto read_list(const Json& value, const std::string& path, Read&& read) {
  if (!value.is_array()) wrong_type(path, "a list", value);
  std::vector<decltype(read(value, path))> out;
  for (std::size_t i = 0; i < value.size(); ++i) out.push_back(read(value[i], fmt::format("{}[{}]", path, i)));
  return out;
}

Config read_object(const Json& value, const std::string& path) {
  if (!value.is_object()) wrong_type(path, "an object", value);
  return Config(value, path);
}

}  // namespace

const Json& Config::json() const {
  return *value_;
}

const Json& Config::json(std::string_view name) const {
  if (!value_->is_object()) fail("{}: read as an object, but it is {}", path_, value_->type_name());
  const auto found = value_->find(std::string(name));
  if (found == value_->end()) fail("{}: read, but not in the config", at(path_, name));
  return *found;
}

bool Config::has(std::string_view name) const {
  if (!value_->is_object()) return false;
  const auto found = value_->find(std::string(name));
  return found != value_->end() && !found->is_null();
}

bool Config::boolean(std::string_view name) const {
  const Json& value = json(name);
  if (!value.is_boolean()) wrong_type(at(path_, name), "true or false", value);
  return value.get<bool>();
}

std::int64_t Config::integer(std::string_view name) const {
  return read_integer(json(name), at(path_, name));
}
double Config::number(std::string_view name) const {
  return read_number(json(name), at(path_, name));
}
std::string Config::string(std::string_view name) const {
  return read_string(json(name), at(path_, name));
}
std::vector<std::string> Config::strings(std::string_view name) const {
  return read_list(json(name), at(path_, name), read_string);
}
std::vector<double> Config::numbers(std::string_view name) const {
  return read_list(json(name), at(path_, name), read_number);
}
std::vector<std::int64_t> Config::integers(std::string_view name) const {
  return read_list(json(name), at(path_, name), read_integer);
}
Config Config::object(std::string_view name) const {
  return read_object(json(name), at(path_, name));
}
std::vector<Config> Config::objects(std::string_view name) const {
  return read_list(json(name), at(path_, name), read_object);
}

}  // namespace cairn
