#include "lineage/series.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace cairn::lineage {

std::vector<SeriesPiece> downsample(const MetricSeries& series, std::int64_t from, std::int64_t to, int pieces) {
  if (to < from || pieces < 1) fail("a series is cut into one piece or more, from a step to a later one");
  std::vector<SeriesPiece> result(static_cast<std::size_t>(pieces));
  // Step s stands for the interval s..s+1, so that every piece of a full series has its share.
  const double per_step = pieces / (static_cast<double>(to) - static_cast<double>(from) + 1);
  const auto begin = std::lower_bound(series.steps.begin(), series.steps.end(), from) - series.steps.begin();
  for (auto i = static_cast<std::size_t>(begin); i < series.steps.size() && series.steps[i] <= to; ++i) {
    const double offset = static_cast<double>(series.steps[i]) - static_cast<double>(from);
    SeriesPiece& piece = result[std::min(result.size() - 1, static_cast<std::size_t>(offset * per_step))];
    const double value = series.values[i];
    if (!std::isfinite(value)) {
      piece.non_finite = true;
      continue;
    }
    if (piece.points == 0) piece.low = piece.high = piece.first = value;
    piece.low = std::min(piece.low, value);
    piece.high = std::max(piece.high, value);
    piece.last = value;
    ++piece.points;
    const auto points = static_cast<double>(piece.points);
    piece.mean += value / points - piece.mean / points;
  }
  return result;
}

MetricSeries smoothed(const MetricSeries& series, double window) {
  if (!(window > 0)) fail("an average over steps needs a window above 0");
  MetricSeries result;
  result.kind = MetricSeries::Kind::real;
  double sum = 0, weight = 0;
  std::int64_t before = 0;
  for (std::size_t i = 0; i < series.steps.size(); ++i) {
    if (!std::isfinite(series.values[i])) continue;
    const double fade = weight > 0 ? std::exp(-static_cast<double>(series.steps[i] - before) / window) : 0;
    sum = sum * fade + series.values[i];
    weight = weight * fade + 1;
    before = series.steps[i];
    result.steps.push_back(series.steps[i]);
    result.values.push_back(sum / weight);
  }
  return result;
}

double last_of(const MetricSeries& series) {
  return series.empty() ? std::numeric_limits<double>::quiet_NaN() : series.values.back();
}

double median(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const std::size_t half = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half), values.end());
  const double upper = values[half];
  if (values.size() % 2 == 1) return upper;
  return (upper + *std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half))) / 2;
}

}  // namespace cairn::lineage
