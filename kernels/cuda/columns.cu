// Sums over rows: biases, and the second stage of every reduction over tokens.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/types.h"

namespace cairn::cuda {
namespace {

constexpr int kThreads = 128;
constexpr std::int64_t kRows = 64;  // of one partial sum

__global__ void add_columns_kernel(float* y, const float* partial, std::int64_t parts, std::int64_t D) {
  const std::int64_t d = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (d >= D) return;
  float sum = 0;
  for (std::int64_t p = 0; p < parts; ++p) sum += partial[p * D + d];
  y[d] += sum;
}

template <typename A>
__global__ void bias_forward_kernel(A* y, const float* b, std::int64_t size, std::int64_t M) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < size) y[i] = from_float<A>(to_float(y[i]) + b[i % M]);
}

template <typename A>
__global__ void partial_columns_kernel(float* partial, const A* dy, std::int64_t N, std::int64_t M) {
  const std::int64_t m = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (m >= M) return;
  const std::int64_t begin = blockIdx.y * kRows, end = begin + kRows < N ? begin + kRows : N;
  float sum = 0;
  for (std::int64_t n = begin; n < end; ++n) sum += to_float(dy[n * M + m]);
  partial[blockIdx.y * M + m] = sum;
}

}  // namespace

void add_columns(const Queue& queue, float* y, const float* partial, std::int64_t parts, std::int64_t D) {
  launch(add_columns_kernel, blocks_for(D, kThreads), kThreads, 0, queue.stream(), y, partial, parts, D);
}

void bias_forward(Context& ctx, const Tensor& y, const Tensor& b) {
  with_type(y, [&](auto type) {
    using A = decltype(type);
    launch(bias_forward_kernel<A>, blocks_for(y.size(), kThreads), kThreads, 0, queue_of(ctx).stream(), y.as<A>(), b.as<float>(),
           y.size(), b.size());
  });
}

void bias_backward(Context& ctx, const Tensor& db, const Tensor& dy) {
  with_type(dy, [&](auto type) {
    using A = decltype(type);
    const Queue& queue = queue_of(ctx);
    const std::int64_t M = db.size(), N = dy.size() / M;
    const unsigned parts = blocks_for(N, kRows);
    float* partial = queue.scratch<float>(parts * M);
    launch(partial_columns_kernel<A>, dim3(blocks_for(M, kThreads), parts), kThreads, 0, queue.stream(), partial, dy.as<A>(), N,
           M);
    add_columns(queue, db.as<float>(), partial, parts, M);
  });
}

}  // namespace cairn::cuda
