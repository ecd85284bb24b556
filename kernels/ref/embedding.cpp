#include "kernels/ref/ref.h"

namespace cairn::ref {

void embedding_forward(Context&, const Tensor& y, const Tensor& table, const Tensor& tokens) {
  with_type(y, [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t N = y.shape[0], D = y.shape[1];
    for (std::int64_t n = 0; n < N; ++n) {
      const std::int64_t token = tokens.as<std::int32_t>()[n];
      for (std::int64_t d = 0; d < D; ++d) y.as<T>()[n * D + d] = table.as<T>()[token * D + d];
    }
  });
}

void embedding_backward(Context&, const Tensor& dtable, const Tensor& dy, const Tensor& tokens) {
  with_type(dy, [&](auto zero) {
    using T = decltype(zero);
    using S = Statistics<T>;
    const std::int64_t N = dy.shape[0], D = dy.shape[1];
    for (std::int64_t n = 0; n < N; ++n) {
      const std::int64_t token = tokens.as<std::int32_t>()[n];
      for (std::int64_t d = 0; d < D; ++d) dtable.as<S>()[token * D + d] += dy.as<T>()[n * D + d];
    }
  });
}

}  // namespace cairn::ref
