// The table of the GPU's operations.
#pragma once

#include "kernels/backend.h"

namespace cairn::cuda {

// The backend "cuda". Contexts need the queue of a Device (device.h), tensors lie in its memory.
const Backend& cuda_backend();

}  // namespace cairn::cuda
