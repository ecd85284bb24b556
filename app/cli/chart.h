// Charts for a terminal: curves of metrics over steps in braille dots (two columns and four rows of dots a cell) with axes, and
// one-line sparklines. No value is lost: a column shows the whole range of the steps that it stands for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lineage/metrics.h"

namespace cairn::app {

// Colours on a terminal, each with a meaning of its own; never the only sign of it.
enum class Colour { none, faint, first, second, third, fourth, fifth, sixth };
inline constexpr int kCurveColours = 6;  // first to sixth

// Standard output is a terminal that shows colours, and NO_COLOR (no-color.org) is not set.
bool colours_wanted();
// `text` between the escape codes of `colour`; as it is when `wanted` is false or colour is none.
std::string painted(std::string_view text, Colour colour, bool wanted);

struct Curve {
  const lineage::MetricSeries* series = nullptr;
  Colour colour = Colour::none;
  char mark = 0;  // a letter that stands on the curve in a few places and at its end; 0 for none
};

struct ChartFrame {
  int width = 80;                 // columns, axis labels included; at least 20
  int height = 10;                // rows of the plot; two more for the axis below it
  std::int64_t from = 0, to = 0;  // steps shown, both included
  bool colours = false;
};

// height + 2 lines, or none where no curve has a finite value within the frame. Later curves lie over earlier ones. Steps whose
// value is not finite leave a gap and an x on the axis.
std::vector<std::string> draw_chart(const std::vector<Curve>& curves, const ChartFrame& frame);

// `width` cells of ▁▂▃▄▅▆▇█, the highest value of each piece between the least and the greatest; x where a value is not finite
// and none is. "" without a finite value.
std::string sparkline(const lineage::MetricSeries& series, std::int64_t from, std::int64_t to, int width);

// Values of an axis for a person: the round numbers (1, 2 or 5 times a power of ten) in low..high, about `count` of them; `low`
// alone where the two differ by no more than rounding.
std::vector<double> round_ticks(double low, double high, int count);
// One of them as short as their distance allows: 0.05, 2.5, 1500, 120k, 1.25M, 2e-04. `greatest`: of the axis, which gives the
// unit.
std::string tick_label(double value, double distance, double greatest);

}  // namespace cairn::app
