// The table of the GPU's operations.
#pragma once

#include <string>

#include "kernels/backend.h"

namespace cairn::cuda {

using MatmulEntry = decltype(Backend::matmul);

// All operations; matrix products by `matmul`: cuBLASLt on the device (cuda_backend), the plain kernel under emulation.
Backend make_backend(std::string name, MatmulEntry matmul);

// The backend "cuda". Contexts need the queue of a Device (device.h), tensors lie in its memory.
const Backend& cuda_backend();

}  // namespace cairn::cuda
