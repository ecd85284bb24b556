// xIELU forward and backward (kernels/ops.h, spec/apertus.md §1.4).
//
// The gradients of the two scalars are sums over every element: fixed blocks of elements, each added up by its threads in a fixed
// order and by block_sum; then one block adds the blocks' sums.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/types.h"

namespace cairn::cuda {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kPerThread = 4;  // eights, in the backward: a block sums 8192 elements
constexpr float kBeta = 0.5f;
constexpr float kEps = -1e-6f;

__device__ float softplus(float x) {
  return x > 20.0f ? x : log1pf(expf(x));
}
__device__ float sigmoid(float x) {
  return 1.0f / (1.0f + expf(-x));
}

template <typename A>
__global__ void forward_kernel(A* y, const A* x, const float* a_p, const float* a_n, std::int64_t size, float* amax) {
  const std::int64_t begin = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kEight, count = size - begin;
  const float alpha_p = softplus(*a_p), alpha_n = kBeta + softplus(*a_n);
  Eight values{};
  if (count > 0) values = load_eight(x + begin, count);
#pragma unroll
  for (int i = 0; i < kEight; ++i) {
    const float value = values.at[i];
    values.at[i] =
        value > 0 ? alpha_p * value * value + kBeta * value : alpha_n * (expm1f(fminf(value, kEps)) - value) + kBeta * value;
  }
  if (count > 0) store_eight(y + begin, values, count);
  if (amax == nullptr) return;
  int largest = 0;
  for (int i = 0; i < kEight; ++i) {  // as stored
    const int stored = magnitude(to_float(from_float<A>(values.at[i])));
    largest = i < count && stored > largest ? stored : largest;
  }
  raise_amax(amax, largest);
}

// sums[2 b], sums[2 b + 1]: block b's part of da_p and da_n, before the factor that all elements share. dx may be dy.
template <typename A>
__global__ void backward_kernel(A* dx, float* sums, const A* dy, const A* x, const float* a_p, const float* a_n,
                                std::int64_t size) {
  __shared__ float reduce[kWarp];
  const float alpha_p = softplus(*a_p), alpha_n = kBeta + softplus(*a_n);
  float positive = 0, negative = 0;
  for (std::int64_t k = 0; k < kPerThread; ++k) {
    const std::int64_t begin = ((blockIdx.x * kPerThread + k) * kThreads + threadIdx.x) * kEight, count = size - begin;
    if (count <= 0) break;
    const Eight values = load_eight(x + begin, count);
    Eight gradients = load_eight(dy + begin, count);
#pragma unroll
    for (int i = 0; i < kEight; ++i) {
      const float value = values.at[i], g = gradients.at[i];  // both 0 behind the end: they add nothing
      const float e = expm1f(fminf(value, kEps));
      // torch.min shares the gradient at a tie, and above eps the clamp takes it all
      const float share = value < kEps ? 1.0f : value == kEps ? 0.5f : 0.0f;
      gradients.at[i] = value > 0 ? g * (2 * alpha_p * value + kBeta) : g * (alpha_n * (share * (e + 1.0f) - 1.0f) + kBeta);
      positive += value > 0 ? g * value * value : 0.0f;
      negative += value > 0 ? 0.0f : g * (e - value);
    }
    store_eight(dx + begin, gradients, count);
  }
  positive = block_sum(positive, reduce);
  negative = block_sum(negative, reduce);
  if (threadIdx.x == 0) {
    sums[2 * blockIdx.x] = positive;
    sums[2 * blockIdx.x + 1] = negative;
  }
}

__global__ void add_sums_kernel(float* da_p, float* da_n, const float* sums, std::int64_t blocks, const float* a_p,
                                const float* a_n) {
  __shared__ double reduce[kWarp];
  double positive = 0, negative = 0;
  for (std::int64_t b = threadIdx.x; b < blocks; b += kThreads) {
    positive += sums[2 * b];
    negative += sums[2 * b + 1];
  }
  positive = block_sum(positive, reduce);
  negative = block_sum(negative, reduce);
  if (threadIdx.x == 0) {
    *da_p += static_cast<float>(positive) * sigmoid(*a_p);
    *da_n += static_cast<float>(negative) * sigmoid(*a_n);
  }
}

}  // namespace

void xielu_forward_amax(Context& ctx, const Tensor& y, const Tensor& x, const Tensor& a_p, const Tensor& a_n,
                        const Tensor& amax) {
  with_type(x, [&](auto type) {
    using A = decltype(type);
    launch(forward_kernel<A>, blocks_for(x.size(), kThreads * kEight), kThreads, 0, queue_of(ctx).stream(), y.as<A>(), x.as<A>(),
           a_p.as<float>(), a_n.as<float>(), x.size(), amax.as<float>());
  });
}

void xielu_forward(Context& ctx, const Tensor& y, const Tensor& x, const Tensor& a_p, const Tensor& a_n) {
  xielu_forward_amax(ctx, y, x, a_p, a_n, {});
}

void xielu_backward(Context& ctx, const Tensor& dx, const Tensor& da_p, const Tensor& da_n, const Tensor& dy, const Tensor& x,
                    const Tensor& a_p, const Tensor& a_n) {
  with_type(x, [&](auto type) {
    using A = decltype(type);
    const Queue& queue = queue_of(ctx);
    const unsigned blocks = blocks_for(x.size(), kThreads * kPerThread * kEight);
    float* sums = queue.scratch<float>(2 * std::int64_t{blocks});
    launch(backward_kernel<A>, blocks, kThreads, 0, queue.stream(), dx.as<A>(), sums, dy.as<A>(), x.as<A>(), a_p.as<float>(),
           a_n.as<float>(), x.size());
    launch(add_sums_kernel, 1, kThreads, 0, queue.stream(), da_p.as<float>(), da_n.as<float>(), sums, blocks, a_p.as<float>(),
           a_n.as<float>());
  });
}

}  // namespace cairn::cuda
