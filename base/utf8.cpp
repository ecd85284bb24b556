#include "base/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "base/display_width.h"

namespace cairn {
namespace {

bool continues(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}
char32_t low_bits(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]) & 0x3F;
}

template <std::size_t N>
bool in_ranges(const CodePointRange (&ranges)[N], char32_t code_point) {
  const auto after = std::upper_bound(std::begin(ranges), std::end(ranges), code_point,
                                      [](char32_t value, const CodePointRange& range) { return value < range.first; });
  return after != std::begin(ranges) && code_point <= std::prev(after)->last;
}

}  // namespace

CodePoint decode_utf8(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xC2 || lead > 0xF4 || !continues(text, at + 1)) return {};
  if (lead < 0xE0) return {(lead & 0x1Fu) << 6 | low_bits(text, at + 1), 2};
  if (!continues(text, at + 2)) return {};
  if (lead < 0xF0) {
    const char32_t value = (lead & 0x0Fu) << 12 | low_bits(text, at + 1) << 6 | low_bits(text, at + 2);
    if (value < 0x800 || (value >= 0xD800 && value <= 0xDFFF)) return {};  // overlong, surrogate
    return {value, 3};
  }
  if (!continues(text, at + 3)) return {};
  const char32_t value =
      (lead & 0x07u) << 18 | low_bits(text, at + 1) << 12 | low_bits(text, at + 2) << 6 | low_bits(text, at + 3);
  if (value < 0x10000 || value > 0x10FFFF) return {};
  return {value, 4};
}

void append_utf8(std::string& text, char32_t code_point) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

std::size_t find_invalid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    // Eight ASCII bytes at a time: most text is.
    if (at + 8 <= text.size()) {
      std::uint64_t word;
      std::memcpy(&word, text.data() + at, 8);
      if ((word & 0x8080808080808080u) == 0) {
        at += 8;
        continue;
      }
    }
    const CodePoint point = decode_utf8(text, at);
    if (point.bytes == 0) return at;
    at += static_cast<std::size_t>(point.bytes);
  }
  return std::string_view::npos;
}

int display_width(char32_t code_point) {
  if (code_point < 0x300) return code_point == 0xAD ? 0 : 1;  // a soft hyphen is not shown
  if (in_ranges(kZeroWidth, code_point)) return 0;
  return in_ranges(kDoubleWidth, code_point) ? 2 : 1;
}

}  // namespace cairn
