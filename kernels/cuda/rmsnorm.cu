// RMSNorm forward and backward, and the residual addition before it (kernels/ops.h; Zhang & Sennrich 2019).
//
// Rows are independent: one warp a row in the forward. The backward's sum over rows for dw is taken in two fixed stages: a fixed
// number of blocks each adds up a contiguous range of rows in order, then one thread a column adds the blocks' sums in order. So
// the same shape gives the same bits on every device.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/numbers.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/types.h"

namespace cairn::cuda {
namespace {

constexpr int kRowsPerBlock = 4;       // of the forward, a warp each
constexpr int kBackwardThreads = 256;  // share a row
constexpr std::int64_t kBackwardBlocks =
    264;  // two a multiprocessor of an H100; a constant, so that the sums do not depend on it

// The second read of a row comes from the cache: its 8 kB at most are what this warp has just touched.
template <typename A, bool kAdd>
__global__ void forward_kernel(A* sum, A* y, float* inv_rms, const A* a, const A* b, const float* w, float eps, std::int64_t N,
                               std::int64_t D, float* amax) {
  const std::int64_t n = static_cast<std::int64_t>(blockIdx.x) * kRowsPerBlock + threadIdx.y;
  const int lane = static_cast<int>(threadIdx.x);
  if (n >= N) return;
  const A* x = (kAdd ? sum : a) + n * D;
  float squares = 0;
  for (std::int64_t d = lane * kEight; d < D; d += kWarp * kEight) {
    Eight values = load_eight(a + n * D + d, D - d);
    if constexpr (kAdd) {
      const Eight more = load_eight(b + n * D + d, D - d);
      for (int i = 0; i < kEight; ++i) values.at[i] += more.at[i];
      store_eight(sum + n * D + d, values, D - d);
      values = load_eight(x + d, D - d);  // as rounded
    }
    for (int i = 0; i < kEight; ++i) squares += values.at[i] * values.at[i];
  }
  int largest = 0;
  const float inverse = rsqrtf(warp_sum(squares) / static_cast<float>(D) + eps);
  if (lane == 0) inv_rms[n] = inverse;
  for (std::int64_t d = lane * kEight; d < D; d += kWarp * kEight) {
    Eight values = load_eight(x + d, D - d);
    const Eight weights = load_eight(w + d, D - d);
    for (int i = 0; i < kEight; ++i) values.at[i] *= inverse * weights.at[i];
    store_eight(y + n * D + d, values, D - d);
    if (amax == nullptr) continue;
    for (int i = 0; i < kEight; ++i) {  // as stored; 0 behind the end
      const int stored = magnitude(to_float(from_float<A>(values.at[i])));
      largest = stored > largest ? stored : largest;
    }
  }
  if (amax != nullptr) raise_amax(amax, largest);
}

// Block p takes rows [p * rows, (p + 1) * rows); partial[p, d] = sum over them of dy * xhat. Thread t owns columns 8 t .. 8 t +
// 7, and those a block's width further on, so dw needs no barrier.
template <typename A>
__global__ void backward_kernel(A* dx, float* partial, const A* dy, const A* x, const float* w, const float* inv_rms,
                                bool accumulate, std::int64_t N, std::int64_t D, std::int64_t rows) {
  __shared__ float reduce[kWarp];
  CAIRN_DYNAMIC_SHARED(float, dw);  // [D]
  const std::int64_t first = threadIdx.x * kEight, stride = blockDim.x * kEight;
  for (std::int64_t d = first; d < D; d += stride) store_eight(dw + d, Eight{}, D - d);
  const std::int64_t begin = blockIdx.x * rows, end = begin + rows < N ? begin + rows : N;
  for (std::int64_t n = begin; n < end; ++n) {
    const float inverse = inv_rms[n];
    float dot = 0;  // of w dy and xhat
    for (std::int64_t d = first; d < D; d += stride) {
      const Eight g = load_eight(dy + n * D + d, D - d), values = load_eight(x + n * D + d, D - d),
                  weights = load_eight(w + d, D - d);
      Eight sums = load_eight(dw + d, D - d);
      for (int i = 0; i < kEight; ++i) {
        const float product = g.at[i] * values.at[i] * inverse;
        dot += weights.at[i] * product;
        sums.at[i] += product;
      }
      store_eight(dw + d, sums, D - d);
    }
    const float mean = block_sum(dot, reduce) / static_cast<float>(D);
    for (std::int64_t d = first; d < D; d += stride) {
      const Eight g = load_eight(dy + n * D + d, D - d), values = load_eight(x + n * D + d, D - d),
                  weights = load_eight(w + d, D - d);
      Eight gradients = accumulate ? load_eight(dx + n * D + d, D - d) : Eight{};
      for (int i = 0; i < kEight; ++i) gradients.at[i] += inverse * (weights.at[i] * g.at[i] - values.at[i] * inverse * mean);
      store_eight(dx + n * D + d, gradients, D - d);
    }
  }
  for (std::int64_t d = first; d < D; d += stride) store_eight(partial + blockIdx.x * D + d, load_eight(dw + d, D - d), D - d);
}

template <typename A>
void forward(const Queue& queue, A* sum, const Tensor& y, const Tensor& inv_rms, const Tensor& a, const A* b, const Tensor& w,
             double eps, const Tensor& amax) {
  const std::int64_t D = w.size(), N = a.size() / D;
  const auto kernel = b ? forward_kernel<A, true> : forward_kernel<A, false>;
  launch(kernel, blocks_for(N, kRowsPerBlock), dim3(kWarp, kRowsPerBlock), 0, queue.stream(), sum, y.as<A>(), inv_rms.as<float>(),
         a.as<A>(), b, w.as<float>(), eps, N, D, amax.as<float>());
}

}  // namespace

void rmsnorm_forward_amax(Context& ctx, const Tensor& y, const Tensor& inv_rms, const Tensor& x, const Tensor& w, double eps,
                          const Tensor& amax) {
  with_type(x, [&](auto type) {
    using A = decltype(type);
    forward<A>(queue_of(ctx), nullptr, y, inv_rms, x, nullptr, w, eps, amax);
  });
}

void rmsnorm_forward(Context& ctx, const Tensor& y, const Tensor& inv_rms, const Tensor& x, const Tensor& w, double eps) {
  rmsnorm_forward_amax(ctx, y, inv_rms, x, w, eps, {});
}

void add_rmsnorm_forward_amax(Context& ctx, const Tensor& sum, const Tensor& y, const Tensor& inv_rms, const Tensor& a,
                              const Tensor& b, const Tensor& w, double eps, const Tensor& amax) {
  with_type(a, [&](auto type) {
    using A = decltype(type);
    forward<A>(queue_of(ctx), sum.as<A>(), y, inv_rms, a, b.as<A>(), w, eps, amax);
  });
}

void add_rmsnorm_forward(Context& ctx, const Tensor& sum, const Tensor& y, const Tensor& inv_rms, const Tensor& a,
                         const Tensor& b, const Tensor& w, double eps) {
  add_rmsnorm_forward_amax(ctx, sum, y, inv_rms, a, b, w, eps, {});
}

void rmsnorm_backward(Context& ctx, const Tensor& dx, const Tensor& dw, const Tensor& dy, const Tensor& x, const Tensor& w,
                      const Tensor& inv_rms, bool accumulate) {
  with_type(x, [&](auto type) {
    using A = decltype(type);
    const Queue& queue = queue_of(ctx);
    const std::int64_t D = w.size(), N = x.size() / D;
    const std::int64_t rows = (N + kBackwardBlocks - 1) / kBackwardBlocks;
    const unsigned blocks = blocks_for(N, rows);
    float* partial = queue.scratch<float>(blocks * D);
    launch(backward_kernel<A>, blocks, kBackwardThreads, static_cast<std::size_t>(D) * sizeof(float), queue.stream(), dx.as<A>(),
           partial, dy.as<A>(), x.as<A>(), w.as<float>(), inv_rms.as<float>(), accumulate, N, D, rows);
    add_columns(queue, dw.as<float>(), partial, blocks, D);
  });
}

}  // namespace cairn::cuda
