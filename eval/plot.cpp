#include "eval/plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/core.h>

#include "base/html.h"

namespace cairn::eval {
namespace {

constexpr double kWidth = 720;

// A step of 1, 2 or 5 times a power of ten that cuts `span` into about `parts`.
double nice_step(double span, int parts) {
  const double raw = std::max(span, 1e-12) / parts;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * power) return factor * power;
  }
  return 10 * power;
}

std::string tick_label(double value) {
  if (std::abs(value) >= 1e6) return fmt::format("{:.3g}M", value / 1e6);
  if (std::abs(value) >= 1e4) return fmt::format("{:.3g}k", value / 1e3);
  return fmt::format("{:.4g}", std::abs(value) < 1e-12 ? 0 : value);
}

std::string legend(const std::vector<std::string>& names) {
  if (names.size() < 2) return "";
  std::string out = "<p class=\"legend\">";
  for (std::size_t i = 0; i < names.size(); ++i)
    out += fmt::format("<span class=\"key s{}\"></span>{} ", i % 4, html_escape(names[i]));
  return out + "</p>";
}

// The names of the colours stand above the picture: one of many bars is longer than a screen.
std::string open_svg(const std::string& title, const std::vector<std::string>& names, double height) {
  return fmt::format("<figure><figcaption>{}</figcaption>{}<svg viewBox=\"0 0 {} {:.0f}\" role=\"img\" aria-label=\"{}\">\n",
                     html_escape(title), legend(names), kWidth, height, html_escape(title));
}

// Points to draw: in each of `intervals` equal parts of the index range the lowest and the highest, in order.
std::vector<std::size_t> thinned(const std::vector<double>& y, std::size_t intervals) {
  std::vector<std::size_t> kept;
  if (y.size() <= 2 * intervals) {
    for (std::size_t i = 0; i < y.size(); ++i) kept.push_back(i);
    return kept;
  }
  for (std::size_t part = 0; part < intervals; ++part) {
    const std::size_t begin = part * y.size() / intervals;
    const std::size_t end = (part + 1) * y.size() / intervals;
    const auto [low, high] =
        std::minmax_element(y.begin() + static_cast<std::ptrdiff_t>(begin), y.begin() + static_cast<std::ptrdiff_t>(end));
    const auto a = static_cast<std::size_t>(low - y.begin());
    const auto b = static_cast<std::size_t>(high - y.begin());
    kept.push_back(std::min(a, b));
    if (a != b) kept.push_back(std::max(a, b));
  }
  return kept;
}

}  // namespace

std::string bar_chart(const std::string& title, const std::string& unit, const std::vector<std::string>& series,
                      const std::vector<Bar>& bars, std::optional<double> baseline) {
  constexpr double left = 170, right = 70, bar = 14, gap = 10, top = 8;
  double highest = baseline.value_or(0);
  for (const Bar& entry : bars) {
    for (std::size_t i = 0; i < entry.values.size(); ++i)
      highest = std::max(highest, entry.values[i] + entry.half_intervals[i].value_or(0));
  }
  const double step = nice_step(highest, 5);
  const double limit = std::max(step, std::ceil(highest / step) * step);
  const auto x_of = [&](double value) { return left + (kWidth - left - right) * value / limit; };
  const double group = bar * static_cast<double>(series.size()) + gap;
  const double bottom = top + group * static_cast<double>(bars.size());

  std::string svg = open_svg(title, series, bottom + 34);
  for (double tick = 0; tick <= limit + step / 2; tick += step) {
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\"/><text class=\"tick\" x=\"{0:.1f}\" "
        "y=\"{3:.1f}\" text-anchor=\"middle\">{4}</text>\n",
        x_of(tick), top, bottom, bottom + 14, tick_label(tick));
  }
  double y = top;
  for (const Bar& entry : bars) {
    svg += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", left - 8, y + (group - gap) / 2 + 4,
                       html_escape(entry.label));
    for (std::size_t i = 0; i < entry.values.size(); ++i) {
      const double middle = y + bar / 2;
      svg += fmt::format("<rect class=\"s{}\" x=\"{}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\"/>", i % 4, left, y,
                         std::max(0.0, x_of(entry.values[i]) - left), bar - 2);
      double label_at = x_of(entry.values[i]);
      if (entry.half_intervals[i]) {
        const double low = x_of(std::max(0.0, entry.values[i] - *entry.half_intervals[i]));
        label_at = x_of(entry.values[i] + *entry.half_intervals[i]);
        svg += fmt::format("<line class=\"interval\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>", low, middle - 1,
                           label_at, middle - 1);
      }
      svg += fmt::format("<text class=\"value\" x=\"{:.1f}\" y=\"{:.1f}\">{:.3f}</text>\n", label_at + 5, middle + 3,
                         entry.values[i]);
      y += bar;
    }
    y += gap;
  }
  if (baseline)
    svg += fmt::format("<line class=\"baseline\" x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\"/>", x_of(*baseline), top,
                       bottom);
  svg += fmt::format("<text class=\"tick\" x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text></svg>\n", kWidth - 4, bottom + 30,
                     html_escape(unit));
  if (baseline) svg += fmt::format("<p class=\"legend\">dashed line: chance, {:.3g}</p>", *baseline);
  return svg + "</figure>\n";
}

std::string line_chart(const std::string& title, const std::string& x_label, const std::string& y_label,
                       const std::vector<Curve>& curves) {
  constexpr double left = 60, right = 16, top = 10, height = 300, bottom = height - 40;
  double x_low = std::numeric_limits<double>::infinity(), x_high = -x_low, y_low = x_low, y_high = -x_low;
  for (const Curve& curve : curves) {
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      if (!std::isfinite(curve.y[i])) continue;
      x_low = std::min(x_low, curve.x[i]);
      x_high = std::max(x_high, curve.x[i]);
      y_low = std::min(y_low, curve.y[i]);
      y_high = std::max(y_high, curve.y[i]);
    }
  }
  if (!(x_low <= x_high)) return "";
  const double y_step = nice_step(y_high - y_low, 5);
  const double x_step = nice_step(x_high - x_low, 6);
  y_low = std::floor(y_low / y_step) * y_step;
  y_high = std::max(y_low + y_step, std::ceil(y_high / y_step) * y_step);
  const double x_span = std::max(x_high - x_low, 1e-12);
  const auto x_of = [&](double x) { return left + (kWidth - left - right) * (x - x_low) / x_span; };
  const auto y_of = [&](double y) { return bottom - (bottom - top) * (y - y_low) / (y_high - y_low); };

  std::vector<std::string> names;
  for (const Curve& curve : curves) names.push_back(curve.name);
  std::string svg = open_svg(title, names, height);
  for (double tick = y_low; tick <= y_high + y_step / 2; tick += y_step) {
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{}\" y1=\"{:.1f}\" x2=\"{}\" y2=\"{:.1f}\"/><text class=\"tick\" x=\"{}\" y=\"{:.1f}\" "
        "text-anchor=\"end\">{}</text>\n",
        left, y_of(tick), kWidth - right, y_of(tick), left - 6, y_of(tick) + 4, tick_label(tick));
  }
  for (double tick = std::ceil(x_low / x_step) * x_step; tick <= x_high + x_step / 1e6; tick += x_step) {
    svg += fmt::format("<text class=\"tick\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", x_of(tick),
                       bottom + 16, tick_label(tick));
  }
  for (std::size_t c = 0; c < curves.size(); ++c) {
    std::string points;
    for (const std::size_t i : thinned(curves[c].y, 300)) {
      if (std::isfinite(curves[c].y[i])) points += fmt::format("{:.1f},{:.1f} ", x_of(curves[c].x[i]), y_of(curves[c].y[i]));
    }
    svg += fmt::format("<polyline class=\"l{}\" points=\"{}\"/>\n", c % 4, points);
  }
  svg += fmt::format(
      "<text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text><text class=\"tick\" x=\"{}\" "
      "y=\"{}\">{}</text></svg>\n",
      kWidth - right, height - 6, html_escape(x_label), 4, top + 2, html_escape(y_label));
  return svg + "</figure>\n";
}

}  // namespace cairn::eval
