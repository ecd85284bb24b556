// What the CUDA backend has on the device alone, for its emulation: copies within one memory, and matrix products without
// cuBLASLt.
#include <cstring>

#include "kernels/cuda/matmul.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/ops.h"

namespace cairn::cuda {

void copy_to_host(const Queue&, void* host, const void* device, std::size_t bytes) {
  std::memcpy(host, device, bytes);
}

void matmul(Context& ctx, const Tensor& c, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb, bool accumulate) {
  matmul_plain(ctx, c, a, ta, b, tb, accumulate);
}

}  // namespace cairn::cuda
