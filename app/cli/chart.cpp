#include "app/cli/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include <fmt/core.h>

#include "base/format.h"
#include "lineage/series.h"

namespace cairn::app {
namespace {

using lineage::SeriesPiece;

// Unicode's braille patterns: U+2800 plus one bit a dot; the bits of a cell's dots by column and row.
constexpr unsigned kDotBits[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};
constexpr std::array<const char*, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr int kMarkEvery = 24;  // columns between two letters on a curve

std::string braille(unsigned bits) {
  if (bits == 0) return " ";
  const unsigned code = 0x2800 + bits;
  return {static_cast<char>(0xE0 | (code >> 12)), static_cast<char>(0x80 | ((code >> 6) & 0x3F)),
          static_cast<char>(0x80 | (code & 0x3F))};
}

const char* escape_of(Colour colour) {
  switch (colour) {
    case Colour::none:
      return "";
    case Colour::faint:
      return "\x1b[2m";
    case Colour::first:
      return "\x1b[36m";
    case Colour::second:
      return "\x1b[33m";
    case Colour::third:
      return "\x1b[35m";
    case Colour::fourth:
      return "\x1b[32m";
    case Colour::fifth:
      return "\x1b[34m";
    case Colour::sixth:
      return "\x1b[31m";
  }
  return "";
}

constexpr double kRounding = 1e-12;  // relative: values that differ by less are the same

bool is_flat(double low, double high) {
  return !(high - low > kRounding * std::max(std::abs(low), std::abs(high)));
}

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();

  bool empty() const { return low > high; }
  void widen(double to_low, double to_high) {
    low = std::min(low, to_low);
    high = std::max(high, to_high);
  }
  // Where a value of the range stands in it, 0 to 1; of a flat range, in the middle. Halves, for the difference of two doubles
  // may be none.
  double share_of(double value) const { return is_flat(low, high) ? 0.5 : (value / 2 - low / 2) / (high / 2 - low / 2); }
};

Range range_of(const std::vector<std::vector<SeriesPiece>>& pieces) {
  Range range;
  for (const auto& curve : pieces) {
    for (const SeriesPiece& piece : curve) {
      if (piece.points > 0) range.widen(piece.low, piece.high);
    }
  }
  return range;
}

// The plot: cells of dots, a colour and maybe a letter each.
class Canvas {
 public:
  Canvas(int width, int height, Range range) : width_(width), height_(height), range_(range) {
    cells_.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  }

  // The row of dots of a value, from the top.
  int row_of(double value) const { return static_cast<int>(std::lround((1 - range_.share_of(value)) * (height_ * 4 - 1))); }

  void fill(int column, int row_a, int row_b, Colour colour) {
    for (int row = std::min(row_a, row_b); row <= std::max(row_a, row_b); ++row) {
      Cell& cell = at(column / 2, row / 4);
      cell.bits |= kDotBits[column % 2][row % 4];
      cell.colour = colour;
    }
  }

  // From one column's value to another's, halfway up or down in each column on the way.
  void connect(int column_a, int row_a, int column_b, int row_b, Colour colour) {
    int before = row_a;
    for (int column = column_a + 1; column <= column_b; ++column) {
      const int row = row_a + (row_b - row_a) * (column - column_a) / (column_b - column_a);
      const int middle = (before + row) / 2;
      fill(column - 1, before, middle, colour);
      fill(column, middle, row, colour);
      before = row;
    }
  }

  bool mark(int column, int row, char letter, Colour colour) {
    Cell& cell = at(column / 2, row / 4);
    if (cell.letter != 0) return false;
    cell.letter = letter;
    cell.colour = colour;
    return true;
  }

  std::string line(int row, bool colours) const {
    std::string text, run;
    Colour colour = Colour::none;
    int end = width_;
    while (end > 0 && at(end - 1, row).bits == 0 && at(end - 1, row).letter == 0) --end;
    for (int column = 0; column < end; ++column) {
      const Cell& cell = at(column, row);
      const bool blank = cell.bits == 0 && cell.letter == 0;
      if (!blank && cell.colour != colour) {
        text += painted(run, colour, colours);
        run.clear();
        colour = cell.colour;
      }
      run += cell.letter != 0 ? std::string(1, cell.letter) : braille(cell.bits);
    }
    return text + painted(run, colour, colours);
  }

 private:
  struct Cell {
    unsigned bits = 0;
    char letter = 0;
    Colour colour = Colour::none;
  };
  Cell& at(int column, int row) { return cells_[static_cast<std::size_t>(row * width_ + column)]; }
  const Cell& at(int column, int row) const { return cells_[static_cast<std::size_t>(row * width_ + column)]; }

  int width_, height_;
  Range range_;
  std::vector<Cell> cells_;
};

void draw_curve(Canvas& canvas, const std::vector<SeriesPiece>& pieces, Colour colour) {
  std::optional<int> before;  // the last column that has a value, when nothing in between was not finite
  for (int column = 0; column < static_cast<int>(pieces.size()); ++column) {
    const SeriesPiece& piece = pieces[static_cast<std::size_t>(column)];
    if (piece.points == 0) {
      if (piece.non_finite) before.reset();
      continue;
    }
    canvas.fill(column, canvas.row_of(piece.low), canvas.row_of(piece.high), colour);
    if (before)
      canvas.connect(*before, canvas.row_of(pieces[static_cast<std::size_t>(*before)].last), column, canvas.row_of(piece.first),
                     colour);
    before = column;
  }
}

// The letter of a curve at its end and here and there, each curve's at other places; where one stands already, a little before.
void mark_curve(Canvas& canvas, const std::vector<SeriesPiece>& pieces, const Curve& curve, std::size_t index) {
  if (curve.mark == 0) return;
  const auto put_near = [&](int column) {
    for (; column >= 0; --column) {
      const SeriesPiece& piece = pieces[static_cast<std::size_t>(column)];
      if (piece.points > 0 && canvas.mark(column, canvas.row_of(piece.mean), curve.mark, curve.colour)) return;
    }
  };
  put_near(static_cast<int>(pieces.size()) - 1);
  const int first = 2 * (kMarkEvery / 4 + static_cast<int>(index % 4) * kMarkEvery / 4);
  for (int column = first; column < static_cast<int>(pieces.size()) - kMarkEvery; column += 2 * kMarkEvery) {
    if (pieces[static_cast<std::size_t>(column)].points > 0) put_near(column);
  }
}

struct Axis {
  std::vector<double> ticks;
  std::vector<std::string> labels;
};

// About `count` round values with their labels; whole numbers alone where `whole`.
Axis axis_of(double low, double high, int count, bool whole) {
  Axis axis{round_ticks(low, high, count), {}};
  for (int more = count + 1; axis.ticks.size() < 2 && more < 4 * count && !is_flat(low, high); ++more)
    axis.ticks = round_ticks(low, high, more);
  if (whole) std::erase_if(axis.ticks, [](double tick) { return tick != std::round(tick); });
  const double distance = axis.ticks.size() > 1 ? axis.ticks[1] - axis.ticks[0] : std::max(std::abs(high) / 100, 1e-12);
  for (const double tick : axis.ticks)
    axis.labels.push_back(tick_label(tick, whole ? std::max(distance, 1.0) : distance, std::max(std::abs(low), std::abs(high))));
  return axis;
}

// The two lines below the plot: the axis with its ticks and marks of values that are not finite, and the labels.
std::vector<std::string> steps_axis(const ChartFrame& frame, int margin, int width, const std::vector<bool>& non_finite) {
  std::vector<std::string> line(static_cast<std::size_t>(width), "─");
  std::string labels(static_cast<std::size_t>(margin + 1 + width), ' ');
  const std::string title = "step";
  const double from = static_cast<double>(frame.from), span = static_cast<double>(frame.to) - from + 1;
  const Axis axis = axis_of(from, static_cast<double>(frame.to), std::max(2, width / 14), true);
  std::size_t used = 0;  // labels end here
  const std::size_t end = labels.size() - title.size() - 1;
  for (std::size_t i = 0; i < axis.ticks.size(); ++i) {
    const auto column = static_cast<std::size_t>((axis.ticks[i] - from + 0.5) / span * width);
    if (column >= line.size()) continue;
    const std::string& label = axis.labels[i];
    const std::size_t middle = static_cast<std::size_t>(margin) + 1 + column;
    const std::size_t begin = middle - std::min(middle, label.size() / 2);
    if (begin < used || begin + label.size() > end) continue;
    line[column] = "┬";
    labels.replace(begin, label.size(), label);
    used = begin + label.size() + 2;
  }
  for (std::size_t column = 0; column < line.size(); ++column) {
    if (non_finite[column]) line[column] = "x";
  }
  labels.replace(labels.size() - title.size(), title.size(), title);
  std::string rule(static_cast<std::size_t>(margin), ' ');
  rule += "└";
  for (const std::string& cell : line) rule += cell;
  return {rule, labels};
}

}  // namespace

bool colours_wanted() {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return stdout_is_terminal() && (refused == nullptr || *refused == '\0') && !(terminal && std::string_view(terminal) == "dumb");
}

std::string painted(std::string_view text, Colour colour, bool wanted) {
  if (!wanted || colour == Colour::none || text.empty()) return std::string(text);
  return fmt::format("{}{}\x1b[0m", escape_of(colour), text);
}

std::vector<double> round_ticks(double low, double high, int count) {
  if (is_flat(low, high)) return {low};
  const double rough = (high - low) / std::max(1, count);
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double share = rough / power;
  const double distance = power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
  std::vector<double> ticks;
  for (double tick = std::ceil(low / distance - 1e-9); tick * distance <= high + distance * 1e-9; ++tick) {
    ticks.push_back(tick * distance);
  }
  return ticks;
}

std::string tick_label(double value, double distance, double greatest) {
  if (greatest > 0 && greatest < 1e-3) return value == 0 ? "0" : fmt::format("{:.{}e}", value, distance < greatest / 20 ? 1 : 0);
  struct Unit {
    double size;
    const char* name;
  };
  constexpr Unit kUnits[] = {{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "k"}};
  Unit unit{1, ""};
  if (greatest >= 1e5) unit = *std::find_if(std::begin(kUnits), std::end(kUnits), [&](Unit u) { return greatest >= u.size; });
  const int decimals = static_cast<int>(std::clamp(-std::floor(std::log10(distance / unit.size) + 1e-9), 0.0, 6.0));
  const std::string text = fmt::format("{:.{}f}", value / unit.size, decimals);
  return value == 0 ? "0" : text + unit.name;
}

std::vector<std::string> draw_chart(const std::vector<Curve>& curves, const ChartFrame& frame) {
  if (frame.to < frame.from) return {};
  const auto cut = [&](int pieces) {
    std::vector<std::vector<SeriesPiece>> cut;
    for (const Curve& curve : curves) cut.push_back(lineage::downsample(*curve.series, frame.from, frame.to, pieces));
    return cut;
  };
  const Range range = range_of(cut(1));
  if (range.empty()) return {};
  const int height = std::max(2, frame.height);
  const Axis axis = axis_of(range.low, range.high, std::max(2, height / 3), false);
  int margin = 0;
  for (const std::string& label : axis.labels) margin = std::max(margin, text_width(label) + 1);
  const int width = std::max(8, frame.width - margin - 1);

  Canvas canvas(width, height, range);
  std::vector<bool> non_finite(static_cast<std::size_t>(width), false);
  const std::vector<std::vector<SeriesPiece>> pieces = cut(width * 2);
  for (std::size_t i = 0; i < curves.size(); ++i) {
    draw_curve(canvas, pieces[i], curves[i].colour);
    for (std::size_t column = 0; column < pieces[i].size(); ++column) {
      if (pieces[i][column].non_finite) non_finite[column / 2] = true;
    }
  }
  for (std::size_t i = 0; i < curves.size(); ++i) mark_curve(canvas, pieces[i], curves[i], i);

  std::vector<std::string> left(static_cast<std::size_t>(height), std::string(static_cast<std::size_t>(margin), ' ') + "│");
  for (std::size_t i = 0; i < axis.ticks.size(); ++i) {
    left[static_cast<std::size_t>(canvas.row_of(axis.ticks[i]) / 4)] = fmt::format("{:>{}} ┤", axis.labels[i], margin - 1);
  }
  std::vector<std::string> lines;
  for (int row = 0; row < height; ++row)
    lines.push_back(painted(left[static_cast<std::size_t>(row)], Colour::faint, frame.colours) + canvas.line(row, frame.colours));
  for (const std::string& line : steps_axis(frame, margin, width, non_finite))
    lines.push_back(painted(line, Colour::faint, frame.colours));
  return lines;
}

std::string sparkline(const lineage::MetricSeries& series, std::int64_t from, std::int64_t to, int width) {
  if (width < 1 || to < from) return "";
  const auto cells = static_cast<int>(std::min<std::int64_t>(width, to - from + 1));
  const std::vector<std::vector<SeriesPiece>> pieces{lineage::downsample(series, from, to, cells)};
  Range range;
  for (const SeriesPiece& piece : pieces[0]) {
    if (piece.points > 0) range.widen(piece.high, piece.high);
  }
  if (range.empty()) return "";
  std::string text;
  for (const SeriesPiece& piece : pieces[0]) {
    if (piece.points == 0) {
      text += piece.non_finite ? "x" : " ";
      continue;
    }
    text += kBlocks[static_cast<std::size_t>(std::lround(range.share_of(piece.high) * (kBlocks.size() - 1)))];
  }
  return text;
}

}  // namespace cairn::app
