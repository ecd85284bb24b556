// The CUDA backend's plain kernels, compiled for the CPU by the emulation.
#pragma once

#include "kernels/backend.h"
#include "kernels/cuda/queue.h"

namespace cairn::test {

const Backend& emulated_cuda_backend();

}  // namespace cairn::test
