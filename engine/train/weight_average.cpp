#include "engine/train/weight_average.h"

namespace cairn::train {

WeightAverage::WeightAverage(const WeightAverageOptions& options, const model::Parameters& weights)
    : options_(options), values_(weights.config(), weights.dtype(), weights.memory()) {
  values_.copy_from(weights);
}

void WeightAverage::after_step(Context& context, std::int64_t step, const model::Parameters& weights) {
  if (step % options_.every != 0) return;
  ops::axpby(context, values_.flat(), weights.flat(), 1 - options_.decay, options_.decay);
}

}  // namespace cairn::train
