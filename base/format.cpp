#include "base/format.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/core.h>

#include "base/utf8.h"

namespace cairn {
namespace {

struct CivilTime {
  std::chrono::year_month_day date;
  std::int64_t hour, minute, second, microsecond;
};

CivilTime civil_time(std::int64_t microseconds) {
  using namespace std::chrono;
  const sys_time<std::chrono::microseconds> time{std::chrono::microseconds(microseconds)};
  const auto day = floor<days>(time);
  const hh_mm_ss<std::chrono::microseconds> clock(time - day);
  return {year_month_day(day), clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
          clock.subseconds().count()};
}

std::string format_date(const CivilTime& time) {
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(time.date.year()), static_cast<unsigned>(time.date.month()),
                     static_cast<unsigned>(time.date.day()));
}

// What a cell looks like on the terminal: one line, no control characters (a document's text must not move the cursor), valid
// UTF-8.
std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    if (point.bytes == 0) {
      append_utf8(out, 0xFFFD);
      ++at;
      continue;
    }
    const bool control =
        point.value < 0x20 || (point.value >= 0x7F && point.value < 0xA0) || point.value == 0x2028 || point.value == 0x2029;
    if (control) {
      out += ' ';
    } else {
      out.append(text, at, static_cast<std::size_t>(point.bytes));
    }
    at += static_cast<std::size_t>(point.bytes);
  }
  return out;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// 3m20s after its first number: (unit number)* unit, with units of time.
bool ends_like_duration(std::string_view rest) {
  for (int parts = 0; !rest.empty(); ++parts) {
    const std::size_t letters = std::min(rest.find_first_of("0123456789"), rest.size());
    const std::string_view unit = rest.substr(0, letters);
    if (parts > 2 || (unit != "d" && unit != "h" && unit != "m" && unit != "s")) return false;
    rest.remove_prefix(letters);
    if (rest.empty()) return true;
    rest.remove_prefix(std::min(rest.find_first_not_of("0123456789"), rest.size()));
  }
  return false;
}

// 12, -3.5, 1,234, 2e-4, 42.1k, 1.3 GB, 31%, 42.1k tok/s, 3m20s: digits first, then at most a unit. Dates and digests are not.
bool looks_like_number(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.empty() || !is_digit(text[0])) return false;
  text.remove_prefix(std::min(text.find_first_not_of("0123456789.,"), text.size()));
  if (text.size() > 1 && text[0] == 'e' && (is_digit(text[1]) || text[1] == '-' || text[1] == '+')) {
    text.remove_prefix(2);
    text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
  }
  if (text.empty() || ends_like_duration(text)) return true;
  return text.size() <= 10 && text[0] != '-' && text[0] != ':' && text.find_first_of("0123456789") == std::string_view::npos;
}

winsize terminal_size() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) != 1 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return winsize{};
  return size;
}

bool is_blank(std::string_view text) {
  return text.empty() || text == "-";
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, value < 99.95 ? 1 : 0, kUnits[unit]);
}

std::string format_count(double count) {
  if (!std::isfinite(count)) return std::isnan(count) ? "nan" : count > 0 ? "inf" : "-inf";
  if (count < 0) return "-" + format_count(-count);
  constexpr const char* kUnits[] = {"", "k", "M", "B", "T"};
  std::size_t unit = 0;
  while (count >= 999.5 && unit + 1 < std::size(kUnits)) {
    count /= 1000;
    ++unit;
  }
  if (unit == 0 && count == std::floor(count)) return fmt::format("{:.0f}", count);
  return fmt::format("{:.{}f}{}", count, count < 9.995 ? 2 : count < 99.95 ? 1 : 0, kUnits[unit]);
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds)) return "?";
  if (seconds < 0) return "-" + format_duration(-seconds);
  if (seconds < 0.0009995) return fmt::format("{:.0f}us", seconds * 1e6);
  if (seconds < 0.9995) return fmt::format("{:.0f}ms", seconds * 1e3);
  if (seconds < 59.95) return fmt::format("{:.1f}s", seconds);
  const double whole = std::round(seconds);
  if (whole < 3600) return fmt::format("{:.0f}m{:02.0f}s", std::floor(whole / 60), std::fmod(whole, 60));
  const double minutes = std::round(seconds / 60);
  if (minutes < 24 * 60) return fmt::format("{:.0f}h{:02.0f}m", std::floor(minutes / 60), std::fmod(minutes, 60));
  const double hours = std::round(seconds / 3600);
  return fmt::format("{:.0f}d{:02.0f}h", std::floor(hours / 24), std::fmod(hours, 24));
}

std::string format_time(std::int64_t microseconds) {
  const CivilTime time = civil_time(microseconds);
  return fmt::format("{} {:02}:{:02}:{:02}", format_date(time), time.hour, time.minute, time.second);
}

std::string format_iso8601(std::int64_t microseconds) {
  const CivilTime time = civil_time(microseconds);
  return fmt::format("{}T{:02}:{:02}:{:02}.{:06}Z", format_date(time), time.hour, time.minute, time.second, time.microsecond);
}

std::int64_t now_microseconds() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

int text_width(std::string_view text) {
  int width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    width += point.bytes == 0 ? 1 : display_width(point.value);
    at += static_cast<std::size_t>(std::max(point.bytes, 1));
  }
  return width;
}

std::string cut_to_width(std::string_view text, int width) {
  if (text_width(text) <= width) return std::string(text);
  std::string out;
  int used = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    const int wide = point.bytes == 0 ? 1 : display_width(point.value);
    if (used + wide > width - 1) break;
    used += wide;
    out.append(text, at, static_cast<std::size_t>(std::max(point.bytes, 1)));
    at += static_cast<std::size_t>(std::max(point.bytes, 1));
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return width > 0 ? out + "…" : out;
}

TextTable::TextTable(std::vector<std::string> header) : header_(std::move(header)) {
  for (std::string& cell : header_) cell = printable(cell);
}

void TextTable::add(std::vector<std::string> row) {
  for (std::string& cell : row) cell = printable(cell);
  rows_.push_back(std::move(row));
}

std::string TextTable::render(int width) const {
  std::size_t columns = header_.size();
  for (const auto& row : rows_) columns = std::max(columns, row.size());
  struct Column {
    int width = 0;
    bool numeric = true;
    bool filled = false;
  };
  std::vector<Column> layout(columns);
  for (std::size_t c = 0; c < header_.size(); ++c) layout[c].width = text_width(header_[c]);
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      layout[c].width = std::max(layout[c].width, text_width(row[c]));
      if (is_blank(row[c])) continue;
      layout[c].filled = true;
      layout[c].numeric = layout[c].numeric && looks_like_number(row[c]);
    }
  }
  std::string out;
  const auto put_row = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string padding(static_cast<std::size_t>(layout[c].width - text_width(row[c])), ' ');
      const bool right = layout[c].numeric && layout[c].filled;
      if (c > 0) line += "  ";
      line += right ? padding + row[c] : row[c] + padding;
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += width > 0 ? cut_to_width(line, width) : line;
    out += '\n';
  };
  if (!header_.empty()) put_row(header_);
  for (const auto& row : rows_) put_row(row);
  return out;
}

bool stdout_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1;
}

int terminal_width() {
  return terminal_size().ws_col;
}

int terminal_height() {
  return terminal_size().ws_row;
}

}  // namespace cairn
