// White space of HTML in running text.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace cairn::data {

inline bool is_html_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Appends `text` with each run of white space as one space, none at the beginning, behind a space or behind a newline.
inline void append_collapsed(std::string& out, std::string_view text) {
  using Bytes = unsigned char __attribute__((vector_size(16)));
  for (std::size_t at = 0; at < text.size();) {
    if (is_html_space(text[at])) {
      while (at < text.size() && is_html_space(text[at])) ++at;
      if (!out.empty() && out.back() != ' ' && out.back() != '\n') out += ' ';
      continue;
    }
    // Words with one space between them are copied as they are, found sixteen bytes at a time.
    std::size_t end = at + 1;
    for (; end + sizeof(Bytes) <= text.size(); end += sizeof(Bytes)) {
      Bytes bytes, before;
      std::memcpy(&bytes, text.data() + end, sizeof bytes);
      std::memcpy(&before, text.data() + end - 1, sizeof before);
      const auto ends = reinterpret_cast<Bytes>((bytes - '\t' <= '\r' - '\t') | ((bytes == ' ') & (before == ' ')));
      std::uint64_t halves[2];
      std::memcpy(halves, &ends, sizeof halves);
      if ((halves[0] | halves[1]) != 0) break;
    }
    while (end < text.size() && !(is_html_space(text[end]) && (text[end] != ' ' || text[end - 1] == ' '))) ++end;
    out.append(text, at, end - at);
    at = end;
  }
}

}  // namespace cairn::data
