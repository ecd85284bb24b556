// Walking over the characters of valid UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

#include "engine/text/unicode.h"

namespace cairn::text {

// Calls fn(code point, position, bytes) for each character.
template <typename Fn>
void for_each_character(std::string_view text, Fn&& fn) {
  for (std::size_t at = 0; at < text.size();) {
    int length;
    const char32_t point = decode_valid(text.data() + at, length);
    fn(point, at, static_cast<std::size_t>(length));
    at += static_cast<std::size_t>(length);
  }
}

inline bool is_white_space(char32_t point) {
  return CharacterClasses::get().of(point) & kSpace;
}

// Bytes of the character that starts at text[0].
inline std::size_t first_character_bytes(std::string_view text) {
  int length;
  decode_valid(text.data(), length);
  return static_cast<std::size_t>(length);
}

// Where the last character of `text`, which is not empty, begins.
inline std::size_t last_character_at(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

// Bytes of the characters at the start (at the end) of `text` for which `test` holds.
template <typename Test>
std::size_t run_at_start(std::string_view text, Test&& test) {
  std::size_t at = 0;
  for (int length; at < text.size(); at += static_cast<std::size_t>(length)) {
    if (!test(decode_valid(text.data() + at, length))) break;
  }
  return at;
}
template <typename Test>
std::size_t run_at_end(std::string_view text, Test&& test) {
  std::size_t end = text.size();
  while (end > 0) {
    const std::size_t at = last_character_at(text.substr(0, end));
    int length;
    if (!test(decode_valid(text.data() + at, length))) break;
    end = at;
  }
  return text.size() - end;
}

}  // namespace cairn::text
