// Cross entropy over rows of logits, which become their own gradient (kernels/ops.h). One block a row, three passes over it: the
// largest logit, the sum of exponentials, the gradient. The second and third mostly read the cache: a row of 131072 in bfloat16
// is 256 kB.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/types.h"

namespace cairn::cuda {
namespace {

constexpr int kThreads = 512;

template <typename A>
__global__ void cross_entropy_kernel(float* losses, A* logits, const int* targets, const float* weights, std::int64_t V,
                                     bool with_gradient, float z_loss) {
  __shared__ float reduce[kWarp];
  const std::int64_t n = blockIdx.x, first = threadIdx.x * kEight, stride = kThreads * kEight;
  A* row = logits + n * V;
  const float weight = weights[n];
  if (weight == 0) {
    if (threadIdx.x == 0) losses[n] = 0;
    for (std::int64_t v = first; with_gradient && v < V; v += stride) store_eight(row + v, Eight{}, V - v);
    return;
  }
  float highest = -INFINITY;
  for (std::int64_t v = first; v < V; v += stride) {
    const Eight values = load_eight(row + v, V - v);
    for (int i = 0; i < kEight && v + i < V; ++i) highest = fmaxf(highest, values.at[i]);
  }
  highest = block_max(highest, reduce);
  float sum = 0;
  for (std::int64_t v = first; v < V; v += stride) {
    const Eight values = load_eight(row + v, V - v);
    for (int i = 0; i < kEight && v + i < V; ++i) sum += expf(values.at[i] - highest);
  }
  const float log_sum = highest + logf(block_sum(sum, reduce));
  const int target = targets[n];
  if (threadIdx.x == 0) losses[n] = weight * (log_sum - to_float(row[target]) + z_loss * log_sum * log_sum);
  if (!with_gradient) return;
  __syncthreads();  // the target's logit has been read
  const float slope = weight * (1 + 2 * z_loss * log_sum);
  for (std::int64_t v = first; v < V; v += stride) {
    Eight values = load_eight(row + v, V - v);
    for (int i = 0; i < kEight; ++i) values.at[i] = slope * expf(values.at[i] - log_sum) - (v + i == target ? weight : 0.0f);
    store_eight(row + v, values, V - v);
  }
}

}  // namespace

void cross_entropy(Context& ctx, const Tensor& losses, const Tensor& logits, const Tensor& targets, const Tensor& weights,
                   bool with_gradient, double z_loss) {
  with_type(logits, [&](auto type) {
    using A = decltype(type);
    launch(cross_entropy_kernel<A>, blocks_for(logits.shape[0], 1), kThreads, 0, queue_of(ctx).stream(), losses.as<float>(),
           logits.as<A>(), targets.as<int>(), weights.as<float>(), logits.shape[1], with_gradient, z_loss);
  });
}

}  // namespace cairn::cuda
