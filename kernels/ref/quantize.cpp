#include <cmath>

#include "kernels/fp8.h"
#include "kernels/ref/ref.h"

namespace cairn::ref {

void absolute_max(Context&, const Tensor& amax, const Tensor& x) {
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    Statistics<T>& largest = amax.as<Statistics<T>>()[0];
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const auto value = std::abs(static_cast<Statistics<T>>(x.as<T>()[i]));
      if (value > largest || std::isnan(value)) largest = value;
    }
  });
}

void quantize(Context& context, const Tensor& y, const Tensor& y_transposed, const Tensor& scale, const Tensor& x,
              const Tensor& amax, const Tensor& next_amax) {
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    const float largest = static_cast<float>(amax.as<Statistics<T>>()[0]);
    const float factor = largest == 0 ? 1 : Fp8::kLargest / largest;
    scale.as<Statistics<T>>()[0] = largest == 0 ? 1 : largest / Fp8::kLargest;
    const std::int64_t N = x.shape[0], D = x.shape[1];
    for (std::int64_t n = 0; n < N; ++n) {
      for (std::int64_t d = 0; d < D; ++d) {
        const Fp8 value(static_cast<float>(x.as<T>()[n * D + d]) * factor);
        if (!y.empty()) y.as<Fp8>()[n * D + d] = value;
        if (!y_transposed.empty()) y_transposed.as<Fp8>()[d * N + n] = value;
      }
    }
  });
  if (!next_amax.empty()) absolute_max(context, next_amax, x);
}

void matmul_fp8(Context&, const Tensor& c, const Tensor& a, const Tensor& scale_a, const Tensor& b, const Tensor& scale_b,
                bool accumulate) {
  with_type(c, [&](auto zero) {
    using T = decltype(zero);
    const double scale = static_cast<double>(scale_a.as<Statistics<T>>()[0]) * scale_b.as<Statistics<T>>()[0];
    const std::int64_t M = c.shape[0], N = c.shape[1], K = a.shape[1];
    for (std::int64_t m = 0; m < M; ++m) {
      for (std::int64_t n = 0; n < N; ++n) {
        double sum = 0;
        for (std::int64_t k = 0; k < K; ++k) sum += static_cast<double>(a.as<Fp8>()[m * K + k]) * b.as<Fp8>()[n * K + k];
        T& to = c.as<T>()[m * N + n];
        to = static_cast<T>(scale * sum + (accumulate ? static_cast<double>(to) : 0.0));
      }
    }
  });
}

}  // namespace cairn::ref
