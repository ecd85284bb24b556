// Plots as inline SVG for reports: they follow the page's colours (light, dark, print) through CSS classes and carry their
// numbers as text, so that nothing depends on colour alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace cairn::eval {

struct Bar {
  std::string label;
  std::vector<double> values;                         // one per series
  std::vector<std::optional<double>> half_intervals;  // 95 % interval is value +- this
};

// Horizontal bars, grouped by label, one per series. `baseline` draws a dashed line (chance level).
std::string bar_chart(const std::string& title, const std::string& unit, const std::vector<std::string>& series,
                      const std::vector<Bar>& bars, std::optional<double> baseline = std::nullopt);

struct Curve {
  std::string name;
  std::vector<double> x, y;
};

// Lines over a common x; at most 600 points of each are drawn (minimum and maximum of each interval, so that spikes stay).
std::string line_chart(const std::string& title, const std::string& x_label, const std::string& y_label,
                       const std::vector<Curve>& curves);

}  // namespace cairn::eval
