// The lines of a robots.txt file as Google's matcher takes them apart (spec/data.md §2.8), for those that read rules.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace cairn::data {

inline constexpr std::size_t kMaxRobotsLine = 2083 * 8;  // the longest URL that browsers take, with room

// Key and value of a line, without comment and blanks; false when it has none. Two words without a colon are a key and a value.
bool split_robots_line(std::string_view line, std::string_view& key, std::string_view& value);

// Bytes beyond ASCII as %XX, and the letters of every %xx in upper case.
std::string escaped_robots_pattern(std::string_view pattern);

// The letters, '-' and '_' that an agent's name begins with.
std::string_view robots_product_token(std::string_view name);

// Calls fn(line, its number) for each line: ended by LF, CR or both, cut at kMaxRobotsLine, without a byte order mark.
template <typename Fn>
void for_each_robots_line(std::string_view file, Fn&& fn) {
  for (const char mark : {'\xef', '\xbb', '\xbf'}) {
    if (!file.starts_with(mark)) break;
    file.remove_prefix(1);
  }
  for (std::uint32_t number = 1; !file.empty(); ++number) {
    const std::size_t end = std::min(file.find_first_of("\r\n"), file.size());
    fn(file.substr(0, std::min(end, kMaxRobotsLine)), number);
    file.remove_prefix(end);
    file.remove_prefix(file.starts_with("\r\n") ? 2 : std::min<std::size_t>(1, file.size()));
  }
}

}  // namespace cairn::data
