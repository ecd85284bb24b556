// UTF-8: decoding that accepts what Unicode 15 table 3-7 lists and nothing else, and how wide a text is on a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cairn {

struct CodePoint {
  char32_t value = 0;
  int bytes = 0;  // 1 to 4; 0: the bytes here are not UTF-8
};

// The code point that begins at text[at]; at < text.size().
CodePoint decode_utf8(std::string_view text, std::size_t at);
void append_utf8(std::string& text, char32_t code_point);

// Position of the first byte that is not part of valid UTF-8, or npos.
std::size_t find_invalid_utf8(std::string_view text);

// Columns of a code point on a terminal: 0 for combining marks and format characters, 2 for wide East Asian ones and emoji.
int display_width(char32_t code_point);

}  // namespace cairn
