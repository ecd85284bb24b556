// Sums inside a warp and a block, in an order that the number of threads alone decides. No atomics: the same launch gives the
// same bits.
#pragma once

#include "kernels/cuda/platform.h"

namespace cairn::cuda {

// Butterfly over the 32 lanes; every lane gets the sum.
template <typename T>
__device__ T warp_sum(T value) {
  for (int offset = kWarp / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(kAllLanes, value, offset);
  return value;
}

template <typename T>
__device__ T warp_max(T value) {
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    const T other = __shfl_xor_sync(kAllLanes, value, offset);
    value = other > value ? other : value;
  }
  return value;
}

// Over a block of one dimension and at most 1024 threads, a multiple of 32; every thread gets the result. `partial` is shared
// memory for 32 values; may be called again with the same memory.
template <typename T, typename Combine>
__device__ T block_reduce(T value, T* partial, T identity, Combine combine) {
  value = combine(value);
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  __syncthreads();
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  return combine(lane < warps ? partial[lane] : identity);
}

template <typename T>
__device__ T block_sum(T value, T* partial) {
  return block_reduce(value, partial, T{0}, [](T each) { return warp_sum(each); });
}

__device__ inline float block_max(float value, float* partial) {
  return block_reduce(value, partial, -INFINITY, [](float each) { return warp_max(each); });
}

// The magnitude's bits, which order like the numbers, NaN last.
__device__ inline int magnitude(float value) {
  return static_cast<int>(__float_as_uint(value) & 0x7fffffffu);
}
// *amax = max(*amax, the warp's largest), by integer atomics: it does not depend on an order. A stale look costs an atomic, no
// more.
__device__ inline void raise_amax(float* amax, int largest) {
  largest = warp_max(largest);
  if (threadIdx.x % kWarp == 0 && largest > static_cast<int>(__float_as_uint(*amax)))
    atomicMax(reinterpret_cast<int*>(amax), largest);
}

}  // namespace cairn::cuda
