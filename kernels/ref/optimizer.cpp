#include <cmath>

#include "kernels/ref/ref.h"

namespace cairn::ref {

void adamw(Context&, const Tensor& p, const Tensor& m, const Tensor& v, const Tensor& g, const AdamWParams& params) {
  const double steps = static_cast<double>(params.step);
  const double correction1 = 1 - std::pow(params.beta1, steps), correction2 = 1 - std::pow(params.beta2, steps);
  with_type(p, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < p.size(); ++i) {
      const double grad = g.as<T>()[i], value = p.as<T>()[i];
      const double mean = params.beta1 * m.as<T>()[i] + (1 - params.beta1) * grad;
      const double square = params.beta2 * v.as<T>()[i] + (1 - params.beta2) * grad * grad;
      m.as<T>()[i] = static_cast<T>(mean);
      v.as<T>()[i] = static_cast<T>(square);
      const double denominator = std::sqrt(square) / std::sqrt(correction2) + params.eps;
      p.as<T>()[i] = static_cast<T>(value - params.lr * (mean / correction1 / denominator + params.weight_decay * value));
    }
  });
}

void ademamix(Context&, const Tensor& p, const Tensor& m1, const Tensor& m2, const Tensor& v, const Tensor& g,
              const AdEMAMixParams& params) {
  const double steps = static_cast<double>(params.step);
  const double correction1 = 1 - std::pow(params.beta1, steps), correction2 = 1 - std::pow(params.beta2, steps);
  with_type(p, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < p.size(); ++i) {
      const double grad = g.as<T>()[i], value = p.as<T>()[i];
      const double fast = params.beta1 * m1.as<T>()[i] + (1 - params.beta1) * grad;
      const double slow = params.beta3 * m2.as<T>()[i] + (1 - params.beta3) * grad;
      const double square = params.beta2 * v.as<T>()[i] + (1 - params.beta2) * grad * grad;
      m1.as<T>()[i] = static_cast<T>(fast);
      m2.as<T>()[i] = static_cast<T>(slow);
      v.as<T>()[i] = static_cast<T>(square);
      const double denominator = std::sqrt(square) / std::sqrt(correction2) + params.eps;
      const double update = (fast / correction1 + params.alpha * slow) / denominator + params.weight_decay * value;
      p.as<T>()[i] = static_cast<T>(value - params.lr * update);
    }
  });
}

}  // namespace cairn::ref
