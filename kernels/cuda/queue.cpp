#include "kernels/cuda/queue.h"

#include <cstring>

#include "base/error.h"
#include "kernels/memory.h"

namespace cairn::cuda {

std::byte* Queue::require(std::size_t bytes) const {
  if (bytes > scratch_bytes_)
    fail("an operation on the GPU needs {} bytes of scratch memory, its queue has {}", bytes, scratch_bytes_);
  return scratch_;
}

void Queue::read(void* host, const void* at, std::size_t bytes) const {
  if (memory_ == nullptr) {
    std::memcpy(host, at, bytes);
  } else {
    memory_->read(host, at, bytes);
  }
}

}  // namespace cairn::cuda
