#include "app/cli/layout.h"

#include <algorithm>
#include <vector>

#include <fmt/core.h>

#include "base/format.h"

namespace cairn::app {
namespace {

constexpr int kLeastColumns = 20;  // narrower text is harder to read than long lines
constexpr int kFoldedIndent = 6;
constexpr int kHangingIndent = 4;

// Pieces that stay whole: each ends in its spaces or in its comma.
std::vector<std::string_view> pieces_of(std::string_view text) {
  std::vector<std::string_view> pieces;
  while (!text.empty()) {
    std::size_t end = std::min(text.find_first_of(" ,"), text.size() - 1) + 1;
    while (end < text.size() && text[end] == ' ') ++end;
    pieces.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return pieces;
}

std::string_view without_spaces_at_end(std::string_view text) {
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// The byte at which column `column` of a line begins; its length where the line ends before.
std::size_t byte_of_column(std::string_view line, int column) {
  std::size_t at = 0;
  while (at < line.size() && text_width(line.substr(0, at)) < column) {
    do ++at;
    while (at < line.size() && (static_cast<unsigned char>(line[at]) & 0xC0) == 0x80);
  }
  return at;
}

// Columns padded for a wide table stand two spaces apart again.
std::string squeezed(std::string_view cells) {
  std::string out;
  for (const char c : cells) {
    if (c != ' ' || !out.ends_with("  ")) out += c;
  }
  return std::string(without_spaces_at_end(out));
}

}  // namespace

std::string wrap(std::string_view text, int width, int indent) {
  if (width <= 0) return std::string(text);
  const int columns = std::max(width - indent, kLeastColumns);
  std::string out, line;
  for (const std::string_view piece : pieces_of(text)) {
    if (!line.empty() && text_width(line) + text_width(without_spaces_at_end(piece)) > columns) {
      out += std::string(without_spaces_at_end(line)) + "\n" + std::string(static_cast<std::size_t>(indent), ' ');
      line.clear();
    }
    line += piece;
  }
  return out + std::string(without_spaces_at_end(line));
}

void print_wrapped(std::string_view line) {
  fmt::print("{}\n", wrap(line, terminal_width(), kHangingIndent));
}

std::string fold_table(const std::string& table, std::string_view last_title, int width) {
  const std::vector<std::string_view> lines = lines_of(table);
  const bool fits = std::all_of(lines.begin(), lines.end(), [&](std::string_view line) { return text_width(line) <= width; });
  const std::size_t title = lines.empty() ? std::string_view::npos : lines.front().rfind(last_title);
  if (width <= 0 || fits || title == std::string_view::npos) return table;
  const int column = text_width(lines.front().substr(0, title));
  std::string out;
  for (const std::string_view& line : lines) {
    const std::size_t at = byte_of_column(line, column);
    const std::string cells = cut_to_width(squeezed(line.substr(0, at)), width);
    const std::string last(line.substr(at));
    const bool heading = cells.find("  ") == std::string::npos || &line == &lines.front();
    if (heading && text_width(cells) + 2 + text_width(last) <= width) {
      out += cells + (last.empty() ? "" : "  " + last) + "\n";
    } else {
      out += cells + "\n";
      if (!last.empty()) out += std::string(kFoldedIndent, ' ') + wrap(last, width, kFoldedIndent) + "\n";
    }
  }
  return out;
}

}  // namespace cairn::app
