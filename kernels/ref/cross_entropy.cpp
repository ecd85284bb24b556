#include <algorithm>
#include <cmath>

#include "kernels/ref/ref.h"

namespace cairn::ref {

void cross_entropy(Context&, const Tensor& losses, const Tensor& logits, const Tensor& targets, const Tensor& weights,
                   bool with_gradient, double z_loss) {
  with_type(logits, [&](auto zero) {
    using T = decltype(zero);
    using S = Statistics<T>;
    const std::int64_t N = logits.shape[0], V = logits.shape[1];
    for (std::int64_t n = 0; n < N; ++n) {
      T* row = logits.as<T>() + n * V;
      const double weight = weights.as<S>()[n];
      if (weight == 0) {
        losses.as<S>()[n] = S(0);
        if (with_gradient) std::fill(row, row + V, T());
        continue;
      }
      const std::int64_t target = targets.as<std::int32_t>()[n];
      const double highest = *std::max_element(row, row + V);
      double sum = 0;
      for (std::int64_t v = 0; v < V; ++v) sum += std::exp(row[v] - highest);
      const double log_sum = highest + std::log(sum);
      losses.as<S>()[n] = static_cast<S>(weight * (log_sum - row[target] + z_loss * log_sum * log_sum));
      if (!with_gradient) continue;
      for (std::int64_t v = 0; v < V; ++v) {
        const double softmax = std::exp(row[v] - log_sum);
        row[v] = static_cast<T>(weight * ((1 + 2 * z_loss * log_sum) * softmax - (v == target ? 1.0 : 0.0)));
      }
    }
  });
}

}  // namespace cairn::ref
