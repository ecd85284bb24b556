#include "kernels/cuda/backend.h"

#include "base/error.h"
#include "kernels/cuda/ops.h"

namespace cairn::cuda {

const Queue& queue_of(const Context& ctx) {
  if (ctx.queue == nullptr) fail("an operation of the cuda backend in a context without a queue");
  return *ctx.queue;
}

#define ENTER(entry) backend.entry = cuda::entry;

const Backend& cuda_backend() {
  static const Backend table = [] {
    Backend backend{.name = "cuda", .isa = "sm_90a"};
    CAIRN_OPERATIONS(ENTER)
    return backend;
  }();
  return table;
}

}  // namespace cairn::cuda
