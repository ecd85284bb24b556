// Histograms as small pictures (SVG), side by side as the page is wide, with the threshold drawn; agents as bars.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/format.h"
#include "base/html.h"
#include "engine/data/statistics.h"

namespace cairn::data {

namespace {

constexpr double kWidth = 320, kHeight = 112, kLeft = 4, kRight = 4, kTop = 18, kBottom = 18;
constexpr double kLetter = 5.2;  // about as wide as a letter of the labels is

std::uint64_t in_class(const Histogram& histogram, std::size_t index) {
  return histogram.passed[index] + histogram.dropped[index];
}

std::uint64_t sum(const std::vector<std::uint64_t>& counts) {
  std::uint64_t all = 0;
  for (const std::uint64_t count : counts) all += count;
  return all;
}

std::string value_text(const Statistic& statistic, double value) {
  if (statistic.scale == Statistic::Scale::count && value >= 1000) return format_count(value);
  return fmt::format("{:.4g}", value);
}

std::string limits_text(const Statistic& statistic) {
  if (statistic.limits.empty()) return "no limit";
  if (statistic.limits.size() == 1) return "limit " + value_text(statistic, statistic.limits[0]);
  const bool band = statistic.limits.size() > 2;
  return fmt::format("limits {} {} {}{}", value_text(statistic, statistic.limits.front()), band ? "to" : "and",
                     value_text(statistic, statistic.limits.back()), band ? " by language" : "");
}

// The classes that the picture shows: those with documents and with limits, and the scale's beginning.
std::size_t shown_classes(const MeasuredStatistic& one) {
  std::size_t shown = 5;
  for (std::size_t i = 0; i < one.histogram.passed.size(); ++i) {
    if (in_class(one.histogram, i) > 0) shown = std::max(shown, i + 1);
  }
  for (const double limit : one.statistic.limits) {
    shown = std::max(shown, class_of(one.statistic, limit) + 2);
  }
  return std::min(shown, class_count(one.statistic));
}

std::size_t first_class(const MeasuredStatistic& one) {
  if (one.statistic.scale != Statistic::Scale::count) return 0;
  std::size_t first = class_count(one.statistic) - 1;
  for (std::size_t i = one.histogram.passed.size(); i-- > 0;) {
    if (in_class(one.histogram, i) > 0) first = i;
  }
  for (const double limit : one.statistic.limits) first = std::min(first, class_of(one.statistic, limit));
  return first > 2 ? first - 2 : 0;
}

class Picture {
 public:
  explicit Picture(const MeasuredStatistic& one)
      : one_(one), first_(first_class(one)), end_(std::max(shown_classes(one), first_ + 5)) {
    end_ = std::min(end_, class_count(one.statistic));
  }

  std::string svg() const {
    std::string out = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">", kWidth, kHeight,
                                  html_escape(one_.statistic.title + ", " + limits_text(one_.statistic)));
    add_bars(out);
    out += fmt::format("<path class=\"axis\" d=\"M{} {}H{}\"/>", kLeft, kHeight - kBottom, kWidth - kRight);
    add_scale(out);
    add_limits(out);
    return out + "</svg>";
  }

 private:
  double class_width() const { return (kWidth - kLeft - kRight) / static_cast<double>(end_ - first_); }
  double x_of_class(std::size_t index) const { return kLeft + class_width() * static_cast<double>(index - first_); }
  double x_of(double value) const {
    const std::size_t at = class_of(one_.statistic, value);
    const double begin = class_begin(one_.statistic, at), end = class_begin(one_.statistic, at + 1);
    const double part = end > begin ? std::clamp((value - begin) / (end - begin), 0.0, 1.0) : 0;
    return x_of_class(std::max(at, first_)) + class_width() * part;
  }

  void add_bars(std::string& out) const {
    std::uint64_t highest = 1;
    for (std::size_t i = first_; i < end_; ++i) highest = std::max(highest, in_class(one_.histogram, i));
    const double room = kHeight - kTop - kBottom, base = kHeight - kBottom;
    for (std::size_t i = first_; i < end_; ++i) {
      const std::uint64_t passed = one_.histogram.passed[i], dropped = one_.histogram.dropped[i], all = passed + dropped;
      if (all == 0) continue;
      // Square roots, so that few can be seen beside many; what was dropped is the upper part of its bar.
      const double height = std::max(1.5, room * std::sqrt(static_cast<double>(all) / static_cast<double>(highest)));
      const double upper = height * static_cast<double>(dropped) / static_cast<double>(all);
      const double x = x_of_class(i), width = std::max(class_width() - 0.8, 0.6);
      out += fmt::format("<g><title>{}: {} documents, {} dropped</title>", class_text(i), all, dropped);
      if (passed > 0)
        out += fmt::format("<rect class=\"k\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>", x,
                           base - height + upper, width, height - upper);
      if (dropped > 0)
        out += fmt::format("<rect class=\"d\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>", x, base - height,
                           width, upper);
      out += "</g>";
    }
  }

  std::string class_text(std::size_t index) const {
    const std::string from = value_text(one_.statistic, class_begin(one_.statistic, index));
    if (index + 1 == class_count(one_.statistic)) return from + " and more";
    return from + " to " + value_text(one_.statistic, class_begin(one_.statistic, index + 1));
  }

  void add_scale(std::string& out) const {
    const auto tick = [&](std::size_t index, const char* anchor) {
      const bool beyond = index == class_count(one_.statistic);
      const std::string text = value_text(one_.statistic, class_begin(one_.statistic, beyond ? index - 1 : index));
      out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"{}\">{}{}</text>", x_of_class(index), kHeight - 5, anchor,
                         text, beyond ? "+" : "");
    };
    tick(first_, "start");
    tick((first_ + end_) / 2, "middle");
    tick(end_, "end");
  }

  void add_limits(std::string& out) const {
    const std::vector<double>& limits = one_.statistic.limits;
    if (limits.empty()) return;
    const double right = x_of_class(end_);
    std::vector<double> lines;
    for (const double limit : limits) lines.push_back(std::min(x_of(limit), right));
    if (lines.size() > 2) {
      out += fmt::format("<rect class=\"band\" x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\"/>", lines.front(), kTop - 4,
                         std::max(lines.back() - lines.front(), 1.0), kHeight - kTop - kBottom + 4);
      lines = {lines.front(), lines.back()};
    }
    for (const double x : lines)
      out += fmt::format("<path class=\"limit\" d=\"M{:.1f} {}V{}\"/>", x, kTop - 4, kHeight - kBottom);
    const double x = lines.front();
    const std::string text = limits_text(one_.statistic);
    const double room = kLetter * static_cast<double>(text.size());
    const bool left = x + room > kWidth;
    out += fmt::format("<text class=\"limit\" x=\"{:.1f}\" y=\"{}\" text-anchor=\"{}\">{}</text>", left ? std::max(x, room) : x,
                       kTop - 7, left ? "end" : "start", text);
  }

  const MeasuredStatistic& one_;
  std::size_t first_, end_;
};

// The first class, "any", on top; then the others, the largest first.
std::string named_bars(const MeasuredStatistic& one) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < one.statistic.names.size(); ++i) order.push_back(i);
  const auto count = [&](std::size_t i) { return in_class(one.histogram, i); };
  if (order.size() > 1)
    std::stable_sort(order.begin() + 1, order.end(), [&](std::size_t a, std::size_t b) { return count(a) > count(b); });
  const std::uint64_t most = std::max<std::uint64_t>(count(order.front()), 1);
  std::string out =
      fmt::format("<h3>{}: {}</h3><table class=\"bars\">", html_escape(one.filter), html_escape(one.statistic.title));
  for (const std::size_t i : order) {
    out += fmt::format(
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"fill\"><div class=\"bar\"><i class=\"d\" "
        "style=\"width:{:.2f}%\"></i></div></td></tr>",
        html_escape(one.statistic.names[i]), count(i), 100 * static_cast<double>(count(i)) / static_cast<double>(most));
  }
  return out + "</table>";
}

}  // namespace

std::string statistics_html(const std::vector<MeasuredStatistic>& measured) {
  std::string bars, pictures, filter;
  for (const MeasuredStatistic& one : measured) {
    if (one.histogram.passed.empty()) continue;
    if (one.statistic.scale == Statistic::Scale::named) {
      bars += named_bars(one);
      continue;
    }
    if (filter != one.filter) {
      pictures += fmt::format("{}<h3>{}</h3><div class=\"grid\">", filter.empty() ? "" : "</div>", html_escape(one.filter));
      filter = one.filter;
    }
    pictures += fmt::format("<figure>{}<figcaption><b>{}</b><br>{} documents, {} dropped</figcaption></figure>",
                            Picture(one).svg(), html_escape(one.statistic.title),
                            sum(one.histogram.passed) + sum(one.histogram.dropped), sum(one.histogram.dropped));
  }
  std::string out;
  if (!bars.empty()) out += "<h2>Who forbids it</h2>" + bars;
  if (!pictures.empty()) {
    out +=
        "<h2>What the rules measured</h2><p class=\"lead\">Of the documents that came as far as the rule, how many have which "
        "value; "
        "<span class=\"k key\"></span> passed, <span class=\"d key\"></span> dropped by this rule, "
        "<span class=\"limit key\"></span> its limit. Heights are square roots of numbers of documents, so that few can be seen "
        "beside many.</p>" +
        pictures + "</div>";
  }
  return out;
}

}  // namespace cairn::data
