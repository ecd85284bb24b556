// 8-bit products' operands (kernels/ops.h): the largest magnitude, and rounding to float8_e4m3 as it is and transposed, in one
// pass that reads x once. The largest magnitude goes by integer atomics: it does not depend on an order.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/types.h"
#include "kernels/fp8.h"

namespace cairn::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kTile = 64;  // rows and columns of a block of quantize_kernel

template <typename A>
__global__ void absolute_max_kernel(float* amax, const A* x, std::int64_t size) {
  int largest = 0;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads * kEight;
  for (std::int64_t i = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kEight; i < size; i += stride) {
    const Eight values = load_eight(x + i, size - i);
    for (int k = 0; k < kEight; ++k) largest = magnitude(values.at[k]) > largest ? magnitude(values.at[k]) : largest;
  }
  raise_amax(amax, largest);
}

// Two numbers to nearest even, the first in the lower half.
__device__ inline std::uint16_t to_fp8(float first, float second) {
#ifdef __CUDACC__
  std::uint16_t both;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(both) : "f"(second), "f"(first));
  return both;
#else
  return static_cast<std::uint16_t>(Fp8(first).bits | Fp8(second).bits << 8);
#endif
}

// Eight neighbours in memory, or the first `count`.
__device__ inline void store_eight_fp8(std::uint8_t* to, const float* values, std::int64_t count) {
  std::uint16_t pairs[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) pairs[i] = to_fp8(values[2 * i], values[2 * i + 1]);
  if (count >= kEight && reinterpret_cast<std::uintptr_t>(to) % 8 == 0) {
    *reinterpret_cast<std::uint64_t*>(to) = static_cast<std::uint64_t>(pairs[0]) | static_cast<std::uint64_t>(pairs[1]) << 16 |
                                            static_cast<std::uint64_t>(pairs[2]) << 32 |
                                            static_cast<std::uint64_t>(pairs[3]) << 48;
  } else {
    for (int i = 0; i < kEight && i < count; ++i) to[i] = static_cast<std::uint8_t>(pairs[i / 2] >> (i % 2 * 8));
  }
}

// A block a tile of 64 x 64: rows of eights are read, kept in shared memory, and written along the columns.
template <typename A>
__global__ void __launch_bounds__(kThreads) quantize_kernel(std::uint8_t* y, std::uint8_t* y_transposed, float* scale, const A* x,
                                                            const float* amax, float* next_amax, std::int64_t N, std::int64_t D) {
  __shared__ float tile[kTile][kTile + 1];
  const float before = *amax, factor = before == 0 ? 1.0f : Fp8::kLargest / before;
  const std::int64_t d0 = static_cast<std::int64_t>(blockIdx.x) * kTile, n0 = static_cast<std::int64_t>(blockIdx.y) * kTile;
  if (blockIdx.x == 0 && blockIdx.y == 0 && threadIdx.x == 0) *scale = before == 0 ? 1.0f : before / Fp8::kLargest;
  int largest = 0;
  for (int i = static_cast<int>(threadIdx.x); i < kTile * kTile / kEight; i += kThreads) {
    const int row = i / (kTile / kEight), column = i % (kTile / kEight) * kEight;
    const std::int64_t n = n0 + row, d = d0 + column, count = n < N ? D - d : 0;
    Eight values{};
    if (count > 0) values = load_eight(x + n * D + d, count);
#pragma unroll
    for (int k = 0; k < kEight; ++k) {
      largest = magnitude(values.at[k]) > largest ? magnitude(values.at[k]) : largest;
      values.at[k] *= factor;
      tile[row][column + k] = values.at[k];
    }
    if (y != nullptr && count > 0) store_eight_fp8(y + n * D + d, values.at, count);
  }
  if (y_transposed != nullptr) {
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < kTile * kTile / kEight; i += kThreads) {
      const int column = i / (kTile / kEight), row = i % (kTile / kEight) * kEight;
      const std::int64_t n = n0 + row, d = d0 + column;
      float values[kEight];
#pragma unroll
      for (int k = 0; k < kEight; ++k) values[k] = tile[row + k][column];
      if (d < D && n < N) store_eight_fp8(y_transposed + d * N + n, values, N - n);
    }
  }
  if (next_amax != nullptr) raise_amax(next_amax, largest);
}

}  // namespace

void absolute_max(Context& ctx, const Tensor& amax, const Tensor& x) {
  with_type(x, [&](auto type) {
    using A = decltype(type);
    if (x.size() == 0) return;
    const unsigned blocks = blocks_for(x.size(), kThreads * kEight * 8);
    launch(absolute_max_kernel<A>, blocks, kThreads, 0, queue_of(ctx).stream(), amax.as<float>(), x.as<A>(), x.size());
  });
}

void quantize(Context& ctx, const Tensor& y, const Tensor& y_transposed, const Tensor& scale, const Tensor& x, const Tensor& amax,
              const Tensor& next_amax) {
  with_type(x, [&](auto type) {
    using A = decltype(type);
    const std::int64_t N = x.shape[0], D = x.shape[1];
    if (N > std::int64_t{65535} * kTile) fail("quantize on the GPU takes at most {} rows, found {}", 65535 * kTile, N);
    launch(quantize_kernel<A>, dim3(blocks_for(D, kTile), blocks_for(N, kTile)), kThreads, 0, queue_of(ctx).stream(),
           y.as<std::uint8_t>(), y_transposed.as<std::uint8_t>(), scale.as<float>(), x.as<A>(), amax.as<float>(),
           next_amax.as<float>(), N, D);
  });
}

}  // namespace cairn::cuda
