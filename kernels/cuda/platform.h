// What kernel files are compiled against: the CUDA runtime under nvcc; on the CPU, the emulation that the build includes before
// everything else (tests/gpu/cuda_emulation.h), which defines the same names. A kernel file includes this and nothing of CUDA
// itself.
#pragma once

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_runtime.h>

// Shared memory whose size the launch gives.
#define CAIRN_DYNAMIC_SHARED(type, name)                        \
  extern __shared__ __align__(16) unsigned char name##_bytes[]; \
  type* const name = reinterpret_cast<type*>(name##_bytes)
#endif

namespace cairn::cuda {

inline constexpr int kWarp = 32;
inline constexpr unsigned kAllLanes = 0xffffffffu;

}  // namespace cairn::cuda
