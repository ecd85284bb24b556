// Copies between the host and the GPU, in the order of a queue. Under emulation both are one memory.
#pragma once

#include <cstddef>

#include "kernels/cuda/queue.h"

namespace cairn::cuda {

// Each waits until the bytes have arrived. Error naming what the driver said.
void copy_to_host(const Queue& queue, void* host, const void* device, std::size_t bytes);
void copy_to_device(const Queue& queue, void* device, const void* host, std::size_t bytes);

}  // namespace cairn::cuda
