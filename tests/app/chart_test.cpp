#include "app/cli/chart.h"

#include <cmath>
#include <sstream>

#include "base/format.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::app;
using lineage::MetricSeries;

namespace {

MetricSeries series_of(const std::vector<double>& values, std::int64_t first = 1) {
  MetricSeries series;
  for (const double value : values) {
    series.steps.push_back(first + static_cast<std::int64_t>(series.steps.size()));
    series.values.push_back(value);
  }
  return series;
}

ChartFrame frame_of(const MetricSeries& series, int width, int height) {
  return {.width = width, .height = height, .from = series.steps.front(), .to = series.steps.back()};
}

std::string chart_of(const MetricSeries& series, int width, int height) {
  std::string text;
  for (const std::string& line : draw_chart({{&series}}, frame_of(series, width, height))) text += line + "\n";
  return text;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("chart: a falling line falls from the upper left to the lower right, between its axes") {
  CHECK(chart_of(series_of({4, 3, 2, 1}), 24, 4) == R"(4 ┤⠉⠓⠦⣄⡀
  │    ⠉⠓⠲⢤⣀
2 ┤        ⠈⠙⠲⢤⣀
  │            ⠈⠙⠲⢤
  └───────┬─────────────
          2         step
)");
}

TEST_CASE("chart: every line fits its width, at any width, and a spike is seen at every one") {
  std::vector<double> values;
  for (int i = 0; i < 20'000; ++i) values.push_back(3 + 5 * std::exp(-i / 3000.0) + 0.05 * std::sin(i));
  values[15'000] = 8;
  const MetricSeries series = series_of(values);
  for (const int width : {20, 33, 60, 80, 120, 200}) {
    const auto lines = draw_chart({{&series}}, frame_of(series, width, 10));
    REQUIRE(lines.size() == 12);
    for (const std::string& line : lines) CHECK(text_width(line) <= width);
    CHECK(text_width(lines[10]) == width);
    // In its uppermost lines there is nothing but the start of the curve and the spike.
    CHECK(text_width(lines[1]) > width / 2);
  }
}

TEST_CASE("chart: what is not finite leaves a gap and an x on the axis; a flat line lies in the middle") {
  const std::string gap = chart_of(series_of({1, 1, NAN, 1, 1}), 24, 3);
  CHECK(gap == R"(     │
1.00 ┤⠤⠤⠤⠤      ⠠⠤⠤⠤⠄
     │
     └─────┬─x────┬─────
           2      4 step
)");
  CHECK(draw_chart({}, {.width = 40, .height = 4, .from = 1, .to = 5}).empty());
  const MetricSeries nothing = series_of({NAN, INFINITY});
  CHECK(draw_chart({{&nothing}}, frame_of(nothing, 40, 4)).empty());
  const MetricSeries empty;
  CHECK(draw_chart({{&empty}}, {.width = 40, .height = 4, .from = 5, .to = 1}).empty());
  CHECK(chart_of(series_of({2.5}), 24, 3) != "");
  // What an average makes of a loss that stays the same differs by rounding alone, and is as flat.
  std::vector<double> rounded(50, 2.3);
  for (std::size_t i = 1; i < rounded.size(); i += 2) rounded[i] = std::nextafter(2.3, 3);
  CHECK(chart_of(series_of(rounded), 24, 3) == chart_of(series_of(std::vector<double>(50, 2.3)), 24, 3));
  CHECK(sparkline(series_of(rounded), 1, 50, 4) == "▅▅▅▅");
  // The difference of the two is no double.
  const MetricSeries farthest = series_of({-1.7e308, 0, 1.7e308});
  CHECK(sparkline(farthest, 1, 3, 3) == "▁▅█");
  CHECK(draw_chart({{&farthest}}, frame_of(farthest, 40, 4)).size() == 6);
}

TEST_CASE("chart: curves are told apart by their letters, and by colours only where they are wanted") {
  const MetricSeries a = series_of(std::vector<double>(200, 1.0)), b = series_of(std::vector<double>(100, 2.0));
  ChartFrame frame = frame_of(a, 100, 4);
  const std::vector<Curve> curves{{&a, Colour::first, 'a'}, {&b, Colour::second, 'b'}};
  auto lines = draw_chart(curves, frame);
  CHECK(lines[0].back() == 'b');
  CHECK(lines[3].back() == 'a');
  CHECK(contains(lines[3].substr(0, lines[3].size() - 1), "a"));  // and on its way
  for (const std::string& line : lines) CHECK_FALSE(contains(line, "\x1b"));
  frame.colours = true;
  lines = draw_chart(curves, frame);
  CHECK(contains(lines[0], "\x1b[33m"));
  CHECK(contains(lines[3], "\x1b[36m"));
  for (const std::string& line : lines) CHECK(line.ends_with("\x1b[0m"));
}

TEST_CASE("chart: ticks are round and inside; labels are as short as their distance allows") {
  CHECK(round_ticks(2.7, 8.4, 3) == std::vector<double>{4, 6, 8});
  CHECK(round_ticks(0, 1, 5).size() == 6);
  CHECK(round_ticks(5, 5, 4) == std::vector<double>{5});
  CHECK(round_ticks(2.3, std::nextafter(2.3, 3), 4) == std::vector<double>{2.3});
  CHECK(tick_label(4, 2, 8.4) == "4");
  CHECK(tick_label(7.5, 0.5, 8) == "7.5");
  CHECK(tick_label(0.05, 0.01, 0.1) == "0.05");
  CHECK(tick_label(1500, 500, 9000) == "1500");
  CHECK(tick_label(120'000, 20'000, 150'000) == "120k");
  CHECK(tick_label(1'250'000, 50'000, 2'000'000) == "1.25M");
  CHECK(tick_label(2e-4, 1e-4, 5e-4) == "2e-04");
  CHECK(tick_label(0, 1e-4, 5e-4) == "0");
  CHECK(tick_label(-2, 1, 3) == "-2");
}

TEST_CASE("sparkline: a cell a piece, the highest value of each; never more cells than steps") {
  const MetricSeries series = series_of({0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(sparkline(series, 1, 8, 20) == "▁▂▃▄▅▆▇█");
  CHECK(sparkline(series, 1, 8, 2) == "▁█");
  CHECK(sparkline(series_of({0, 7, 1, 1, 2, 2, 3, 3}), 1, 8, 2) == "█▁");
  CHECK(sparkline(series_of({1, 1, NAN, 1}), 1, 4, 4) == "▅▅x▅");
  CHECK(sparkline(series_of({NAN}), 1, 1, 4) == "");
  CHECK(sparkline(MetricSeries{}, 1, 4, 4) == "");
}
