// Rotary positions, alone and fused behind QK-norm (kernels/ops.h, spec/apertus.md §1.2, §1.3). One warp a head row: it is read
// once, kept in registers (4 elements a lane and half at the most, E <= 256), and written once.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/types.h"

namespace cairn::cuda {
namespace {

constexpr int kRowsPerBlock = 4;
constexpr int kPairsPerLane = 4;
constexpr std::int64_t kBackwardBlocks = 264;  // parts of the sum for dw; a constant, so that it does not depend on the device

struct Row {  // pairs (i, i + E/2), i = lane, lane + 32, ...
  float first[kPairsPerLane], second[kPairsPerLane];
};

template <typename A>
__device__ Row load_row(const A* x, int half) {
  Row row{};
#pragma unroll
  for (int k = 0; k < kPairsPerLane; ++k) {
    const int i = static_cast<int>(threadIdx.x) + k * kWarp;
    if (i < half) {
      row.first[k] = to_float(x[i]);
      row.second[k] = to_float(x[i + half]);
    }
  }
  return row;
}

template <typename A>
__device__ void store_row(A* y, const Row& row, int half) {
#pragma unroll
  for (int k = 0; k < kPairsPerLane; ++k) {
    const int i = static_cast<int>(threadIdx.x) + k * kWarp;
    if (i < half) {
      y[i] = from_float<A>(row.first[k]);
      y[i + half] = from_float<A>(row.second[k]);
    }
  }
}

// By the angle, or back by it.
__device__ inline void rotate(Row& row, const float* cos, const float* sin, int half, bool inverse) {
#pragma unroll
  for (int k = 0; k < kPairsPerLane; ++k) {
    const int i = static_cast<int>(threadIdx.x) + k * kWarp;
    if (i < half) {
      const float c = cos[i], s = inverse ? -sin[i] : sin[i], first = row.first[k], second = row.second[k];
      row.first[k] = first * c - second * s;
      row.second[k] = second * c + first * s;
    }
  }
}

template <typename A>
__global__ void rope_kernel(A* y, const A* x, const float* cos, const float* sin, const int* positions, std::int64_t rows, int H,
                            int half, bool inverse) {
  const std::int64_t r = static_cast<std::int64_t>(blockIdx.x) * kRowsPerBlock + threadIdx.y;
  if (r >= rows) return;
  const std::int64_t at = static_cast<std::int64_t>(positions[r / H]) * half;
  Row row = load_row(x + r * 2 * half, half);
  rotate(row, cos + at, sin + at, half, inverse);
  store_row(y + r * 2 * half, row, half);
}

template <typename A>
__global__ void norm_rope_forward_kernel(A* y, float* inv_rms, const A* x, const float* w, float eps, const float* cos,
                                         const float* sin, const int* positions, std::int64_t rows, int H, int half) {
  const std::int64_t r = static_cast<std::int64_t>(blockIdx.x) * kRowsPerBlock + threadIdx.y;
  if (r >= rows) return;
  Row row = load_row(x + r * 2 * half, half);
  const Row weights = load_row(w, half);
  float squares = 0;
#pragma unroll
  for (int k = 0; k < kPairsPerLane; ++k) squares += row.first[k] * row.first[k] + row.second[k] * row.second[k];
  const float inverse = rsqrtf(warp_sum(squares) / static_cast<float>(2 * half) + eps);
  if (threadIdx.x == 0) inv_rms[r] = inverse;
#pragma unroll
  for (int k = 0; k < kPairsPerLane; ++k) {
    row.first[k] *= inverse * weights.first[k];
    row.second[k] *= inverse * weights.second[k];
  }
  const std::int64_t at = static_cast<std::int64_t>(positions[r / H]) * half;
  rotate(row, cos + at, sin + at, half, false);
  store_row(y + r * 2 * half, row, half);
}

// Each warp takes rows first, first + 1, ... of its own range and keeps its sum for dw in registers; partial[warp, E].
template <typename A>
__global__ void norm_rope_backward_kernel(A* dx, float* partial, const A* dy, const A* x, const float* w, const float* inv_rms,
                                          const float* cos, const float* sin, const int* positions, std::int64_t rows, int H,
                                          int half, std::int64_t rows_per_warp) {
  const std::int64_t warp = static_cast<std::int64_t>(blockIdx.x) * kRowsPerBlock + threadIdx.y;
  const Row weights = load_row(w, half);
  Row dw{};
  const std::int64_t begin = warp * rows_per_warp, end = begin + rows_per_warp < rows ? begin + rows_per_warp : rows;
  for (std::int64_t r = begin; r < end; ++r) {
    const std::int64_t at = static_cast<std::int64_t>(positions[r / H]) * half;
    Row g = load_row(dy + r * 2 * half, half);
    rotate(g, cos + at, sin + at, half, true);
    Row xhat = load_row(x + r * 2 * half, half);
    const float inverse = inv_rms[r];
    float dot = 0;
#pragma unroll
    for (int k = 0; k < kPairsPerLane; ++k) {
      xhat.first[k] *= inverse;
      xhat.second[k] *= inverse;
      dw.first[k] += g.first[k] * xhat.first[k];
      dw.second[k] += g.second[k] * xhat.second[k];
      dot += weights.first[k] * g.first[k] * xhat.first[k] + weights.second[k] * g.second[k] * xhat.second[k];
    }
    const float mean = warp_sum(dot) / static_cast<float>(2 * half);
#pragma unroll
    for (int k = 0; k < kPairsPerLane; ++k) {
      g.first[k] = inverse * (weights.first[k] * g.first[k] - xhat.first[k] * mean);
      g.second[k] = inverse * (weights.second[k] * g.second[k] - xhat.second[k] * mean);
    }
    store_row(dx + r * 2 * half, g, half);
  }
  store_row(partial + warp * 2 * half, dw, half);
}

int half_of(const Tensor& x) {
  const std::int64_t half = x.shape[2] / 2;
  if (half > kWarp * kPairsPerLane)
    fail("rotary positions on the GPU take heads of at most {}, found {}", 2 * kWarp * kPairsPerLane, x.shape[2]);
  return static_cast<int>(half);
}

}  // namespace

void rope(Context& ctx, const Tensor& y, const Tensor& x, const Tensor& cos, const Tensor& sin, const Tensor& positions,
          bool inverse) {
  with_type(x, [&](auto type) {
    using A = decltype(type);
    const std::int64_t rows = x.shape[0] * x.shape[1];
    launch(rope_kernel<A>, blocks_for(rows, kRowsPerBlock), dim3(kWarp, kRowsPerBlock), 0, queue_of(ctx).stream(), y.as<A>(),
           x.as<A>(), cos.as<float>(), sin.as<float>(), positions.as<int>(), rows, x.shape[1], half_of(x), inverse);
  });
}

void norm_rope_forward(Context& ctx, const Tensor& y, const Tensor& inv_rms, const Tensor& x, const Tensor& w, double eps,
                       const Tensor& cos, const Tensor& sin, const Tensor& positions) {
  with_type(x, [&](auto type) {
    using A = decltype(type);
    const std::int64_t rows = x.shape[0] * x.shape[1];
    launch(norm_rope_forward_kernel<A>, blocks_for(rows, kRowsPerBlock), dim3(kWarp, kRowsPerBlock), 0, queue_of(ctx).stream(),
           y.as<A>(), inv_rms.as<float>(), x.as<A>(), w.as<float>(), eps, cos.as<float>(), sin.as<float>(), positions.as<int>(),
           rows, x.shape[1], half_of(x));
  });
}

void norm_rope_backward(Context& ctx, const Tensor& dx, const Tensor& dw, const Tensor& dy, const Tensor& x, const Tensor& w,
                        const Tensor& inv_rms, const Tensor& cos, const Tensor& sin, const Tensor& positions) {
  with_type(x, [&](auto type) {
    using A = decltype(type);
    const Queue& queue = queue_of(ctx);
    const std::int64_t rows = x.shape[0] * x.shape[1], E = x.shape[2];
    const std::int64_t rows_per_warp = (rows + kBackwardBlocks * kRowsPerBlock - 1) / (kBackwardBlocks * kRowsPerBlock);
    const unsigned blocks = blocks_for(rows, rows_per_warp * kRowsPerBlock);
    const std::int64_t parts = std::int64_t{blocks} * kRowsPerBlock;
    float* partial = queue.scratch<float>(parts * E);
    launch(norm_rope_backward_kernel<A>, blocks, dim3(kWarp, kRowsPerBlock), 0, queue.stream(), dx.as<A>(), partial, dy.as<A>(),
           x.as<A>(), w.as<float>(), inv_rms.as<float>(), cos.as<float>(), sin.as<float>(), positions.as<int>(), rows, x.shape[1],
           half_of(x), rows_per_warp);
    add_columns(queue, dw.as<float>(), partial, parts, E);
  });
}

}  // namespace cairn::cuda
