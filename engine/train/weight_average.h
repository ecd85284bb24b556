// An exponential average of the weights beside the training, which ends smoother than the weights themselves and costs their
// memory once more. (The mean of checkpoints afterwards is a step of its own: average.cpp.)
#pragma once

#include <cstdint>

#include "engine/model/parameters.h"
#include "kernels/ops.h"
#include "kernels/staging.h"

namespace cairn::train {

struct WeightAverageOptions {
  double decay = 0.999;    // of each update: average = decay * average + (1 - decay) * weights
  std::int64_t every = 1;  // steps
};

class WeightAverage {
 public:
  // Begins as the weights are, in the same place.
  WeightAverage(const WeightAverageOptions& options, const model::Parameters& weights);

  // After step `step` (from 1): takes the weights in when it is a multiple of `every`.
  void after_step(Context& context, Staging& staging, std::int64_t step, const model::Parameters& weights);

  const model::Parameters& values() const { return values_; }  // state: a checkpoint keeps it as "ema"

 private:
  WeightAverageOptions options_;
  model::Parameters values_;
};

}  // namespace cairn::train
