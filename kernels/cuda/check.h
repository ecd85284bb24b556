// What the driver answers, as an Error.
#pragma once

#include <cuda_runtime_api.h>

#include "base/error.h"

namespace cairn::cuda {

inline void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) fail("the GPU: {}: {}", what, cudaGetErrorString(error));
}

}  // namespace cairn::cuda
