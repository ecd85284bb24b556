// Numbers and tables as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cairn {

std::string format_bytes(std::uint64_t bytes);           // 1.3 GB (powers of 1000), 812 B
std::string format_count(double count);                  // 42.1k, 3.20M, 15; B = 10^9, T = 10^12
std::string format_duration(double seconds);             // 3m20s, 1h04m, 12.3s, 85ms
std::string format_time(std::int64_t microseconds);      // 2026-11-24 08:14:34 (UTC)
std::string format_iso8601(std::int64_t microseconds);   // 2026-11-24T08:14:34.123456Z
std::int64_t now_microseconds();                         // since 1970, UTC

// An aligned text table: header, rows, columns padded to the widest cell by display width of code points; numbers are right-aligned
// where the whole column looks like numbers (empty cells and "-" do not count). Two spaces between columns, no rules. Control characters
// become spaces. Lines are cut with an ellipsis at `width` columns when width > 0.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header);
  void add(std::vector<std::string> row);
  std::string render(int width = 0) const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

int text_width(std::string_view text);                   // columns of UTF-8 text on a terminal
std::string cut_to_width(std::string_view text, int width);  // ends in an ellipsis when it did not fit

int terminal_width();                                    // columns of standard output, 0 when it is not a terminal
int terminal_height();                                   // rows of it, 0 likewise
bool stdout_is_terminal();

}  // namespace cairn
