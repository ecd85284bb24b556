#include "engine/train/weight_average.h"

#include <array>
#include <vector>

#include "engine/train/placement.h"

namespace cairn::train {

WeightAverage::WeightAverage(const WeightAverageOptions& options, const model::Parameters& weights)
    : options_(options), values_(weights.config(), weights.dtype(), weights.place()) {
  values_.copy_from(weights);
}

void WeightAverage::after_step(Context& context, Staging& staging, std::int64_t step, const model::Parameters& weights) {
  if (step % options_.every != 0) return;
  const Tensor average = values_.flat(), flat = weights.flat();
  const std::vector<TensorPart> parts = parts_of(std::array{flat.size()}, kStagedElements);
  staging.run(
      parts.size(),
      [&](std::size_t i) -> std::vector<StagedTensor> {
        const auto [index, begin, end] = parts[i];
        return {{average.rows(begin, end), true}, {flat.rows(begin, end)}};
      },
      [&](std::size_t, std::span<const Tensor> part) {
        ops::axpby(context, part[0], part[1], 1 - options_.decay, options_.decay);
      });
}

}  // namespace cairn::train
