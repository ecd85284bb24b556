// Which steps a training leaves out: those that are not finite, and those whose loss or gradient norm stands out of what came
// before (as OLMo-core's SkipStepOptimizer, with the median for the mean; spec/training.md §4.7).
//
// A step is a spike when loss or norm lies more than `sigma` deviations above the median of the window; the deviation is the root
// mean square distance from that median. Values of spikes join the window too, so that a lasting change of level is accepted
// after some steps instead of stopping the training for good.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cairn::train {

struct SpikeOptions {
  std::int64_t window = 128;       // steps that a step is compared with; nothing is a spike before half of them are there
  double sigma = 6;                // 0 = only what is not finite is left out
  std::int64_t max_in_a_row = 10;  // steps left out one after another, before the training gives up
  std::int64_t max_skipped = 100;  // in all
};

// Why a step is left out: "loss 9.41 is 8.3 deviations above the median 3.12 of 128 steps"; empty when it is taken.
// `losses` and `grad_norms` are the window, oldest first.
std::string reason_to_skip(const std::vector<double>& losses, const std::vector<double>& grad_norms, double loss,
                           double grad_norm, const SpikeOptions& options);

// Adds the value of a step to a window of at most `length`, oldest out; what is not finite stays out.
void remember(std::vector<double>& window, double value, std::int64_t length);

// Median (mean of the middle two) and root mean square distance from it; of at least one value.
struct Spread {
  double median = 0, deviation = 0;
};
Spread spread_of(std::vector<double> values);

}  // namespace cairn::train
