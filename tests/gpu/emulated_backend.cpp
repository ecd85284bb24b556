// What the CUDA backend has on the device alone, for its emulation: matrix products without cuBLASLt.
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/types.h"
#include "kernels/fp8.h"

namespace cairn::cuda {

namespace {

void matmul_fp8_now(emulation::Fence* fence, const Tensor& c, const Tensor& a, const Tensor& scale_a, const Tensor& b,
                    const Tensor& scale_b, bool accumulate) {
  const emulation::Opened opened(fence);
  const float factor = scale_a.as<float>()[0] * scale_b.as<float>()[0];
  with_type(c, [&](auto type) {
    using C = decltype(type);
    for (std::int64_t m = 0; m < c.shape[0]; ++m) {
      for (std::int64_t n = 0; n < c.shape[1]; ++n) {
        float sum = 0;
        for (std::int64_t k = 0; k < a.shape[1]; ++k)
          sum += float(a.as<Fp8>()[m * a.shape[1] + k]) * float(b.as<Fp8>()[n * a.shape[1] + k]);
        C& to = c.as<C>()[m * c.shape[1] + n];
        to = from_float<C>(factor * sum + (accumulate ? to_float(to) : 0.0f));
      }
    }
  });
}

}  // namespace

void matmul(Context& ctx, const Tensor& c, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb, bool accumulate) {
  matmul_plain(ctx, c, a, ta, b, tb, accumulate);
}

void matmul_fp8(Context& ctx, const Tensor& c, const Tensor& a, const Tensor& scale_a, const Tensor& b, const Tensor& scale_b,
                bool accumulate) {
  auto* fence = static_cast<emulation::Fence*>(queue_of(ctx).stream());
  const auto run = [=] { matmul_fp8_now(fence, c, a, scale_a, b, scale_b, accumulate); };
  if (fence == nullptr || !fence->take(run)) run();
}

}  // namespace cairn::cuda
