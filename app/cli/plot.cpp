#include "app/cli/plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cairn::app {
namespace {

// Unicode's braille patterns: U+2800 plus one bit a dot; the bits of a cell's dots by column and row.
constexpr unsigned kDotBits[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};

std::string braille(unsigned bits) {
  const unsigned code = 0x2800 + bits;
  return {static_cast<char>(0xE0 | (code >> 12)), static_cast<char>(0x80 | ((code >> 6) & 0x3F)),
          static_cast<char>(0x80 | (code & 0x3F))};
}

}  // namespace

std::vector<std::string> plot_lines(const std::vector<double>& values, int width, int height) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (width < 1 || height < 1 || low > high) return {};
  const int columns = width * 2, rows = height * 4;
  const auto row_of = [&](double value) {
    const double share = high > low ? (value - low) / (high - low) : 0.5;
    return rows - 1 - static_cast<int>(std::lround(share * (rows - 1)));
  };
  std::vector<std::vector<unsigned>> cells(static_cast<std::size_t>(height),
                                           std::vector<unsigned>(static_cast<std::size_t>(width), 0));
  const double per_column = static_cast<double>(values.size()) / columns;
  for (int column = 0; column < columns; ++column) {
    const auto begin = static_cast<std::size_t>(column * per_column);
    const auto end = std::min(values.size(), std::max(begin + 1, static_cast<std::size_t>((column + 1) * per_column)));
    int top = rows, bottom = -1;
    for (std::size_t i = begin; i < end; ++i) {
      if (!std::isfinite(values[i])) continue;
      top = std::min(top, row_of(values[i]));
      bottom = std::max(bottom, row_of(values[i]));
    }
    for (int row = top; row <= bottom; ++row) {
      cells[static_cast<std::size_t>(row / 4)][static_cast<std::size_t>(column / 2)] |= kDotBits[column % 2][row % 4];
    }
  }
  std::vector<std::string> lines;
  for (const std::vector<unsigned>& row : cells) {
    std::string line;
    for (const unsigned bits : row) line += braille(bits);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace cairn::app
