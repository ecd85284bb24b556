#include <cmath>
#include <vector>

#include "kernels/ref/ref.h"

namespace cairn::ref {

void rmsnorm_forward(Context&, const Tensor& y, const Tensor& inv_rms, const Tensor& x, const Tensor& w, double eps) {
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    using S = Statistics<T>;
    const std::int64_t D = w.size(), N = x.size() / D;
    for (std::int64_t n = 0; n < N; ++n) {
      const T* row = x.as<T>() + n * D;
      double squares = 0;
      for (std::int64_t d = 0; d < D; ++d) squares += static_cast<double>(row[d]) * row[d];
      const double inverse = 1 / std::sqrt(squares / static_cast<double>(D) + eps);
      inv_rms.as<S>()[n] = static_cast<S>(inverse);
      for (std::int64_t d = 0; d < D; ++d) y.as<T>()[n * D + d] = static_cast<T>(row[d] * inverse * w.as<S>()[d]);
    }
  });
}

void rmsnorm_backward(Context&, const Tensor& dx, const Tensor& dw, const Tensor& dy, const Tensor& x, const Tensor& w,
                      const Tensor& inv_rms, bool accumulate) {
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    using S = Statistics<T>;
    const std::int64_t D = w.size(), N = x.size() / D;
    std::vector<double> dw_sum(static_cast<std::size_t>(D), 0.0);
    for (std::int64_t n = 0; n < N; ++n) {
      const double inverse = inv_rms.as<S>()[n];
      double mean = 0;  // of w * dy * xhat
      for (std::int64_t d = 0; d < D; ++d) {
        const double xhat = x.as<T>()[n * D + d] * inverse, g = dy.as<T>()[n * D + d];
        mean += w.as<S>()[d] * g * xhat;
        dw_sum[static_cast<std::size_t>(d)] += g * xhat;
      }
      mean /= static_cast<double>(D);
      for (std::int64_t d = 0; d < D; ++d) {
        const double xhat = x.as<T>()[n * D + d] * inverse;
        const double gradient = inverse * (static_cast<double>(w.as<S>()[d]) * dy.as<T>()[n * D + d] - xhat * mean);
        T& out = dx.as<T>()[n * D + d];
        out = static_cast<T>(accumulate ? out + gradient : gradient);
      }
    }
    for (std::int64_t d = 0; d < D; ++d) dw.as<S>()[d] = static_cast<S>(dw.as<S>()[d] + dw_sum[static_cast<std::size_t>(d)]);
  });
}

}  // namespace cairn::ref
