// The letters of a chunk of text between white space, as words.h takes it apart: code points with what is asked of them.
#pragma once

#include <cstdint>
#include <span>

#include "engine/data/characters.h"

namespace cairn::data {

struct Letter {
  char32_t point;
  std::uint16_t bits;
  std::uint32_t offset;  // in the chunk
};

inline bool is_digit(const Letter& l) {
  return l.point >= '0' && l.point <= '9';
}
inline bool is_alpha(const Letter& l) {
  return l.bits & kAlpha;
}
// Letters without case are lower and upper.
inline bool is_lower(const Letter& l) {
  return (l.bits & kAlpha) && !(l.bits & kUpperCase);
}
inline bool is_upper(const Letter& l) {
  return (l.bits & kAlpha) && !(l.bits & kLowerCase);
}
inline bool is_quote(const Letter& l) {
  switch (l.point) {
    case '\'':
    case '"':
    case '`':
    case 0xB4:
    case 0xAB:
    case 0xBB:
    case 0x2018:
    case 0x2019:
    case 0x201A:
    case 0x201C:
    case 0x201D:
    case 0x201E:
      return true;
    default:
      return l.point >= 0x3008 && l.point <= 0x3015;
  }
}

inline bool is_apostrophe(const Letter& l) {
  return l.point == '\'' || l.point == 0x2019;
}

// [scheme://][user@]label(.label)*.tld[:port][/?#...], the last label of at least two letters in lower case.
bool is_web_address(std::span<const Letter> letters);

}  // namespace cairn::data
