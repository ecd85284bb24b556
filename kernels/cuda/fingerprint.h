// A 64-bit fingerprint of device memory, made there: whether a repetition gave the same bits, without moving them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/queue.h"

namespace cairn::cuda {

// Of `bytes` bytes from `data` on, which is 4 bytes aligned. Equal bytes give equal fingerprints; others differ with a
// probability of 1 - 2^-64. Waits for the queue.
std::uint64_t fingerprint(const Queue& queue, const void* data, std::size_t bytes);

}  // namespace cairn::cuda
