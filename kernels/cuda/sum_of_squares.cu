// The sum of squares of a tensor in double (kernels/ops.h): a fixed number of elements a block, then one block adds the blocks'
// sums.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/types.h"

namespace cairn::cuda {
namespace {

constexpr int kThreads = 512;
constexpr std::int64_t kPerThread = 8;  // eights: a block adds 32768 elements

template <typename A>
__global__ void squares_kernel(double* sums, const A* x, std::int64_t size) {
  __shared__ double reduce[kWarp];
  double sum = 0;
  for (std::int64_t k = 0; k < kPerThread; ++k) {
    const std::int64_t begin = ((blockIdx.x * kPerThread + k) * kThreads + threadIdx.x) * kEight, count = size - begin;
    if (count <= 0) break;
    const Eight values = load_eight(x + begin, count);
    for (int i = 0; i < kEight; ++i) sum += static_cast<double>(values.at[i]) * values.at[i];
  }
  sum = block_sum(sum, reduce);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void add_kernel(double* total, const double* sums, std::int64_t count) {
  __shared__ double reduce[kWarp];
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += kThreads) sum += sums[i];
  sum = block_sum(sum, reduce);
  if (threadIdx.x == 0) *total = sum;
}

}  // namespace

double sum_of_squares(Context& ctx, const Tensor& x) {
  double result = 0;
  with_type(x, [&](auto type) {
    using A = decltype(type);
    const Queue& queue = queue_of(ctx);
    const unsigned blocks = blocks_for(x.size(), kThreads * kPerThread * kEight);
    double* sums = queue.scratch<double>(std::int64_t{blocks} + 1);
    launch(squares_kernel<A>, blocks, kThreads, 0, queue.stream(), sums + 1, x.as<A>(), x.size());
    launch(add_kernel, 1, kThreads, 0, queue.stream(), sums, sums + 1, std::int64_t{blocks});
    queue.read(&result, sums, sizeof result);
  });
  return result;
}

}  // namespace cairn::cuda
