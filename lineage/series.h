// Series of metrics made small enough to draw, without losing what a person looks for: the lowest and the highest value of every
// piece stay, so a spike of one step in ten million is seen at every width (spec/gui.md §5.4).
#pragma once

#include <cstdint>
#include <vector>

#include "lineage/metrics.h"

namespace cairn::lineage {

// One piece of a series: the finite values of its steps.
struct SeriesPiece {
  std::size_t points = 0;  // finite values in it; the numbers below mean something when > 0
  double low = 0, high = 0, first = 0, last = 0, mean = 0;
  bool non_finite = false;  // there were NaN or infinite values in it
};

// Steps from..to (both included) in `pieces` >= 1 pieces of equal width; steps outside are left out. Error when to < from or
// pieces < 1.
std::vector<SeriesPiece> downsample(const MetricSeries& series, std::int64_t from, std::int64_t to, int pieces);

// Exponential moving average over `window` > 0 steps (a value `window` steps back weighs 1/e), corrected for its start and for
// steps that are missing; non-finite values are left out. Computed on every value: draw it after, not before, downsampling.
MetricSeries smoothed(const MetricSeries& series, double window);

// The value of the last step that tells it, finite or not; NaN when there is none.
double last_of(const MetricSeries& series);

// Of the finite values; NaN when there is none.
double median(std::vector<double> values);

}  // namespace cairn::lineage
