// The choice among the attention kernels: those on tensor cores where they can, in Hopper's own way on Hopper, else the plain
// ones.
#include "kernels/cuda/attention.h"

#include <cstdint>
#include <initializer_list>

#include "kernels/cuda/ops.h"
#include "kernels/cuda/tile_map.h"

namespace cairn::cuda {
namespace {

bool fits_tensor_cores(std::initializer_list<const Tensor*> tensors) {
  for (const Tensor* tensor : tensors) {
    if (tensor->dtype != Dtype::bf16 || (tensor->shape[3] != 64 && tensor->shape[3] != 128)) return false;
    if (reinterpret_cast<std::uintptr_t>(tensor->data) % 16 != 0) return false;
    for (int dimension = 0; dimension < 3; ++dimension) {
      if (tensor->strides[static_cast<std::size_t>(dimension)] % 8 != 0) return false;
    }
  }
  return true;
}

}  // namespace

void attention_forward(Context& ctx, const Tensor& o, const Tensor& lse, const Tensor& q, const Tensor& k, const Tensor& v,
                       const Tensor& first_key, double scale) {
  const bool fits = fits_tensor_cores({&o, &q, &k, &v});
  const auto kernel = !fits ? attention_forward_plain : on_hopper() ? attention_forward_hopper : attention_forward_mma;
  kernel(ctx, o, lse, q, k, v, first_key, scale);
}

void attention_backward(Context& ctx, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o, const Tensor& q,
                        const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& first_key,
                        double scale) {
  const bool fits = fits_tensor_cores({&dq, &dk, &dv, &d_o, &q, &k, &v, &o});
  const auto kernel = !fits ? attention_backward_plain : on_hopper() ? attention_backward_hopper : attention_backward_mma;
  kernel(ctx, dq, dk, dv, d_o, q, k, v, o, lse, first_key, scale);
}

}  // namespace cairn::cuda
