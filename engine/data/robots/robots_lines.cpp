#include "engine/data/robots/robots_lines.h"

#include <cctype>

namespace cairn::data {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

bool split_robots_line(std::string_view line, std::string_view& key, std::string_view& value) {
  line = trimmed(line.substr(0, line.find('#')));
  std::size_t separator = line.find(':');
  if (separator == std::string_view::npos) {
    // A forgotten colon: two words, no more.
    separator = line.find_first_of(" \t");
    if (separator == std::string_view::npos) return false;
    if (trimmed(line.substr(separator)).find_first_of(" \t") != std::string_view::npos) return false;
  }
  key = trimmed(line.substr(0, separator));
  value = trimmed(line.substr(separator + 1));
  return !key.empty();
}

std::string escaped_robots_pattern(std::string_view pattern) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const auto byte = static_cast<unsigned char>(pattern[i]);
    if (byte == '%' && i + 2 < pattern.size() && std::isxdigit(static_cast<unsigned char>(pattern[i + 1])) &&
        std::isxdigit(static_cast<unsigned char>(pattern[i + 2]))) {
      out += '%';
      out += static_cast<char>(std::toupper(static_cast<unsigned char>(pattern[i + 1])));
      out += static_cast<char>(std::toupper(static_cast<unsigned char>(pattern[i + 2])));
      i += 2;
    } else if (byte >= 0x80) {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += pattern[i];
    }
  }
  return out;
}

std::string_view robots_product_token(std::string_view name) {
  std::size_t end = 0;
  while (end < name.size() && (std::isalpha(static_cast<unsigned char>(name[end])) || name[end] == '-' || name[end] == '_'))
    ++end;
  return name.substr(0, end);
}

}  // namespace cairn::data
