#include "engine/data/html/character_references.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/utf8.h"

namespace cairn::data {

namespace {

constexpr std::size_t kLongestName = 32;  // &CounterClockwiseContourIntegral;

// What windows-1252 has at 0x80 to 0x9F, which is what such numbers mean on the web.
constexpr std::array<char32_t, 32> kWindows1252 = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D, 0x017D, 0x8F,
    0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D, 0x017E, 0x0178};

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

// The longest name that `text` begins with, or null.
const NamedReference* longest_name(std::string_view text) {
  const NamedReference *first = kNamedReferences, *last = kNamedReferences + kNamedReferenceCount, *found = nullptr;
  // Names that agree with the text so far lie together; one that ends here is the first of them.
  for (std::size_t length = 1; length <= std::min(text.size(), kLongestName) && first != last; ++length) {
    const auto c = static_cast<unsigned char>(text[length - 1]);
    if (c == '\0') break;  // would be the end of the table's names
    const auto letter = [length](const NamedReference& reference) {
      return static_cast<unsigned char>(reference.name[length - 1]);
    };
    first = std::partition_point(first, last, [&](const NamedReference& reference) { return letter(reference) < c; });
    last = std::partition_point(first, last, [&](const NamedReference& reference) { return letter(reference) == c; });
    if (first != last && first->name[length] == '\0') found = first;
  }
  return found;
}

// Appends the number's character; the bytes that it takes behind "&#", or 0.
std::size_t append_number(std::string& out, std::string_view text) {
  std::size_t at = 0;
  const bool hexadecimal = !text.empty() && (text[0] | 0x20) == 'x';
  if (hexadecimal) ++at;
  char32_t point = 0;
  const std::size_t digits = at;
  for (; at < text.size(); ++at) {
    const char c = text[at], lower = static_cast<char>(c | 0x20);
    const bool decimal = c >= '0' && c <= '9', letter = hexadecimal && lower >= 'a' && lower <= 'f';
    if (!decimal && !letter) break;
    const auto value = static_cast<char32_t>(decimal ? c - '0' : lower - 'a' + 10);
    if (point <= 0x10FFFF) point = point * (hexadecimal ? 16 : 10) + value;
  }
  if (at == digits) return 0;
  if (at < text.size() && text[at] == ';') ++at;
  if (point >= 0x80 && point <= 0x9F) point = kWindows1252[point - 0x80];
  if (point == 0 || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) point = 0xFFFD;
  append_utf8(out, point);
  return at;
}

}  // namespace

std::string decode_references(std::string_view text, bool in_attribute) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t mark = std::min(text.find('&', at), text.size());
    out.append(text, at, mark - at);
    at = mark;
    if (at == text.size()) break;
    const std::string_view rest = text.substr(at + 1);
    if (rest.starts_with('#')) {
      if (const std::size_t taken = append_number(out, rest.substr(1)); taken > 0) {
        at += 2 + taken;
        continue;
      }
    } else if (const NamedReference* named = longest_name(rest)) {
      const std::string_view name = named->name;
      const char next = rest.size() > name.size() ? rest[name.size()] : '\0';
      if (!in_attribute || name.back() == ';' || (next != '=' && !is_alphanumeric(next))) {
        out += named->characters;
        at += 1 + name.size();
        continue;
      }
    }
    out += '&';
    ++at;
  }
  return out;
}

}  // namespace cairn::data
