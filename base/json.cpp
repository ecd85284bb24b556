// One translation unit holds the members of nlohmann::basic_json (base/json.h declares the instantiation extern), and our writer.
#include "base/json.h"

#include <charconv>
#include <cmath>

#include "base/disk.h"
#include "base/error.h"
#include "base/json_escape.h"
#include "base/utf8.h"

template class nlohmann::basic_json<>;

namespace cairn {

void append_json_escape(std::string& out, char c) {
  constexpr char kHex[] = "0123456789abcdef";
  constexpr std::string_view kNamed = "\"\"\\\\\bb\ff\nn\rr\tt";  // a character, then the letter of its escape
  for (std::size_t i = 0; i < kNamed.size(); i += 2) {
    if (kNamed[i] == c) {
      out += '\\';
      out += kNamed[i + 1];
      return;
    }
  }
  out += "\\u00";
  out += kHex[(c >> 4) & 15];
  out += kHex[c & 15];
}

namespace {

void write_string(std::string& out, const std::string& text) {
  if (const std::size_t bad = find_invalid_utf8(text); bad != std::string_view::npos) {
    fail("JSON: a string is not UTF-8 (byte {} of {})", bad + 1, text.size());
  }
  out += '"';
  for (const char c : text) {
    if (json_must_escape(c)) {
      append_json_escape(out, c);
    } else {
      out += c;
    }
  }
  out += '"';
}

template <typename Number>
std::string_view print_number(char (&buffer)[32], Number number) {
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, number);
  return {buffer, static_cast<std::size_t>(result.ptr - buffer)};
}

void write_double(std::string& out, double number) {
  if (!std::isfinite(number)) fail("JSON has no {}", std::isnan(number) ? "NaN" : "infinity");
  char buffer[32];
  const std::string_view text = print_number(buffer, number);
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

// indent < 0: no space at all.
void write_value(std::string& out, const Json& value, int indent, int depth) {
  if (depth > kMostJsonDepth) fail("JSON is nested deeper than {}", kMostJsonDepth);
  const auto new_line = [&](int level) {
    if (indent < 0) return;
    out += '\n';
    out.append(static_cast<std::size_t>(indent * level), ' ');
  };
  char buffer[32];
  switch (value.type()) {
    case Json::value_t::null:
      out += "null";
      return;
    case Json::value_t::boolean:
      out += value.get<bool>() ? "true" : "false";
      return;
    case Json::value_t::number_integer:
      out += print_number(buffer, value.get<std::int64_t>());
      return;
    case Json::value_t::number_unsigned:
      out += print_number(buffer, value.get<std::uint64_t>());
      return;
    case Json::value_t::number_float:
      write_double(out, value.get<double>());
      return;
    case Json::value_t::string:
      write_string(out, value.get_ref<const std::string&>());
      return;
    case Json::value_t::array: {
      out += '[';
      bool first = true;
      for (const Json& item : value) {
        if (!first) out += ',';
        first = false;
        new_line(depth + 1);
        write_value(out, item, indent, depth + 1);
      }
      if (!first) new_line(depth);
      out += ']';
      return;
    }
    case Json::value_t::object: {
      out += '{';
      bool first = true;
      for (const auto& [key, item] : value.get_ref<const Json::object_t&>()) {  // a std::map: sorted by bytes
        if (!first) out += ',';
        first = false;
        new_line(depth + 1);
        write_string(out, key);
        out += indent < 0 ? ":" : ": ";
        write_value(out, item, indent, depth + 1);
      }
      if (!first) new_line(depth);
      out += '}';
      return;
    }
    case Json::value_t::binary:
    case Json::value_t::discarded:
      fail("JSON has no text for a value of type {}", value.type_name());
  }
}

}  // namespace

std::string canonical_json(const Json& value) {
  std::string out;
  write_value(out, value, -1, 0);
  return out;
}

std::map<std::string, Json> plain_values(const Json& object) {
  std::map<std::string, Json> values;
  for (const auto& [name, value] : object.items()) {
    if (value.is_object() && !value.empty()) {
      for (auto& [inner, plain] : plain_values(value)) values[name + "." + inner] = plain;
    } else if (!value.is_null()) {
      values[name] = value;
    }
  }
  return values;
}

std::string pretty_json(const Json& value) {
  std::string out;
  write_value(out, value, 2, 0);
  out += '\n';
  return out;
}

Json read_json(const std::filesystem::path& path) {
  return parse_json(read_file(path), path.string());
}

}  // namespace cairn
