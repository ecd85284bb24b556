#include "kernels/ref/ref.h"

namespace cairn::ref {

void matmul(Context&, const Tensor& c, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb, bool accumulate) {
  const auto product = [&](auto zero, auto out_zero) {
    using T = decltype(zero);
    using Out = decltype(out_zero);
    const std::int64_t M = c.shape[0], N = c.shape[1], K = ta == Transpose::yes ? a.shape[0] : a.shape[1];
    const std::int64_t a_row = ta == Transpose::yes ? 1 : a.strides[0], a_k = ta == Transpose::yes ? a.strides[0] : 1;
    const std::int64_t b_col = tb == Transpose::yes ? b.strides[0] : 1, b_k = tb == Transpose::yes ? 1 : b.strides[0];
    for (std::int64_t m = 0; m < M; ++m) {
      for (std::int64_t n = 0; n < N; ++n) {
        double sum = 0;
        for (std::int64_t k = 0; k < K; ++k) {
          sum += static_cast<double>(a.as<T>()[m * a_row + k * a_k]) * b.as<T>()[n * b_col + k * b_k];
        }
        Out& out = c.as<Out>()[m * c.strides[0] + n];
        out = static_cast<Out>(accumulate ? out + sum : sum);
      }
    }
  };
  with_type(a, [&](auto zero) { with_type(c, [&](auto out) { product(zero, out); }); });
}

}  // namespace cairn::ref
