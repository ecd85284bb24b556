// The character classes that pre-tokenizer patterns use, and what tokenizers need of UTF-8 beyond base/utf8.h.
//
// Classes are those of Unicode 16, as in the `tokenizers` library 0.23 (make_unicode_classes.py), so the same on every machine.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/utf8.h"

namespace cairn::text {

// One or two bits per character; a newline is a space too.
enum CharacterClass : std::uint8_t {
  kUpper = 1,        // Lu, Lt
  kLower = 2,        // Ll
  kOtherLetter = 4,  // Lm, Lo
  kMark = 8,         // M
  kNumber = 16,      // N
  kSpace = 32,       // \s: White_Space
  kNewline = 64,     // \r \n
  kOther = 128,      // none of the above
  kLetter = kUpper | kLower | kOtherLetter,
};

// Class of each code point; built once (1.1 MB).
class CharacterClasses {
 public:
  static const CharacterClasses& get();
  std::uint8_t of(char32_t point) const { return table_[point]; }  // point < 0x110000
  const std::uint8_t* data() const { return table_.data(); }

 private:
  CharacterClasses();
  std::array<std::uint8_t, 0x110000> table_;
};

// The character that starts at `p`, in text known to be valid UTF-8; `length` gets its bytes, 1 to 4.
inline char32_t decode_valid(const char* p, int& length) {
  const auto at = [p](int i) { return static_cast<std::uint8_t>(p[i]); };
  const std::uint8_t lead = at(0);
  if (lead < 0x80) return length = 1, lead;
  if (lead < 0xE0) return length = 2, (lead & 0x1Fu) << 6 | (at(1) & 0x3Fu);
  if (lead < 0xF0) return length = 3, (lead & 0x0Fu) << 12 | (at(1) & 0x3Fu) << 6 | (at(2) & 0x3Fu);
  return length = 4, (lead & 0x07u) << 18 | (at(1) & 0x3Fu) << 12 | (at(2) & 0x3Fu) << 6 | (at(3) & 0x3Fu);
}

using cairn::append_utf8;  // base/utf8.h

// Bytes of the longest prefix that is valid UTF-8.
inline std::size_t valid_utf8_prefix(std::string_view text) {
  return std::min(find_invalid_utf8(text), text.size());
}

// Bytes at the end of `text` that begin a character but do not finish it; 0 to 3. What a stream should hold back.
std::size_t unfinished_utf8_suffix(std::string_view text);

// `text` with each maximal invalid part replaced by U+FFFD (as Rust's from_utf8_lossy and the WHATWG decoder do).
std::string utf8_lossy(std::string_view text);

// Made by make_unicode_classes.py: runs of equal class, first code point << 8 | class.
extern const std::uint32_t kClassRuns[];
extern const std::size_t kClassRunCount;

}  // namespace cairn::text
