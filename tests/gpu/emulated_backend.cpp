#include "tests/gpu/emulated_backend.h"

#include <cstring>

#include "kernels/cuda/backend.h"
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/memory.h"

namespace cairn::cuda {

void copy_to_host(const Queue&, void* host, const void* device, std::size_t bytes) {
  std::memcpy(host, device, bytes);
}

}  // namespace cairn::cuda

namespace cairn::test {

const Backend& emulated_cuda_backend() {
  static const Backend backend = cuda::make_backend("cuda, emulated", cuda::matmul_plain);
  return backend;
}

}  // namespace cairn::test
