#include "kernels/ref/ref.h"

namespace cairn::ref {

void rope(Context&, const Tensor& y, const Tensor& x, const Tensor& cos, const Tensor& sin, const Tensor& positions,
          bool inverse) {
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    using S = Statistics<T>;
    const std::int64_t N = x.shape[0], H = x.shape[1], E = x.shape[2], half = E / 2;
    for (std::int64_t n = 0; n < N; ++n) {
      const std::int64_t position = positions.as<std::int32_t>()[n];
      for (std::int64_t h = 0; h < H; ++h) {
        const T* in = x.as<T>() + (n * H + h) * E;
        T* out = y.as<T>() + (n * H + h) * E;
        for (std::int64_t i = 0; i < half; ++i) {
          const double c = cos.as<S>()[position * half + i];
          const double s = inverse ? -sin.as<S>()[position * half + i] : sin.as<S>()[position * half + i];
          const double first = in[i], second = in[i + half];
          out[i] = static_cast<T>(first * c - second * s);
          out[i + half] = static_cast<T>(second * c + first * s);
        }
      }
    }
  });
}

}  // namespace cairn::ref
