#include "kernels/cuda/queue.h"

#include "base/error.h"

namespace cairn::cuda {

std::byte* Queue::require(std::size_t bytes) const {
  if (bytes > scratch_bytes_)
    fail("an operation on the GPU needs {} bytes of scratch memory, its queue has {}", bytes, scratch_bytes_);
  return scratch_;
}

}  // namespace cairn::cuda
