// What all attention kernels are given: strided tensors, the sizes, and which keys a query sees.
#pragma once

#include <cstdint>

#include "kernels/cuda/reduce.h"
#include "kernels/tensor.h"

namespace cairn::cuda {

inline constexpr float kLog2e = 1.4426950408889634f;
inline constexpr float kLn2 = 0.6931471805599453f;

// A [B, T, heads, E] tensor whose last dimension is contiguous.
template <typename A>
struct View {
  A* data;
  std::int64_t batch, row, head;  // strides
  __device__ A* at(std::int64_t b, std::int64_t t, std::int64_t h) const { return data + b * batch + t * row + h * head; }
};

template <typename A>
View<A> view(const Tensor& tensor) {
  return {tensor.as<A>(), tensor.strides[0], tensor.strides[1], tensor.strides[2]};
}

struct AttentionShape {
  std::int64_t T, S, H, K, E;  // query t stands at key position S - T + t
  float scale;
};

struct KeyRange {
  int lowest, highest;
};

// Of the first keys of `count` queries in shared memory, kMost at most; by a whole warp, every lane gets it.
template <int kMost>
__device__ KeyRange range_of(const int* firsts, int count) {
  int highest = firsts[0], negative = -firsts[0];
  for (int i = static_cast<int>(threadIdx.x) % kWarp; i < kMost; i += kWarp) {
    if (i < count) {
      highest = firsts[i] > highest ? firsts[i] : highest;
      negative = -firsts[i] > negative ? -firsts[i] : negative;
    }
  }
  return {-warp_max(negative), warp_max(highest)};
}

}  // namespace cairn::cuda
