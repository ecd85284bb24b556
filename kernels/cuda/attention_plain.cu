// Attention without tensor cores (kernels/ops.h), of every type, head width up to 256, any strides: for float32 models and what
// does not fit the fast kernels. One warp owns one row of the result and adds up in the order of keys (or of heads and queries):
// no atomics, no second stage.
#include <cmath>

#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention_view.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/types.h"

namespace cairn::cuda {
namespace {

constexpr int kRowsPerBlock = 4;
constexpr int kPerLane = 8;  // elements of a head row: E <= 256

struct Lanes {  // elements lane, lane + 32, ... of a head row
  float at[kPerLane];
};

template <typename A>
__device__ Lanes load(const A* row, std::int64_t E) {
  Lanes lanes{};
#pragma unroll
  for (int k = 0; k < kPerLane; ++k) {
    const std::int64_t e = threadIdx.x + k * kWarp;
    if (e < E) lanes.at[k] = to_float(row[e]);
  }
  return lanes;
}

template <typename A>
__device__ void store(A* row, const Lanes& lanes, float factor, std::int64_t E) {
#pragma unroll
  for (int k = 0; k < kPerLane; ++k) {
    const std::int64_t e = threadIdx.x + k * kWarp;
    if (e < E) row[e] = from_float<A>(lanes.at[k] * factor);
  }
}

__device__ inline float dot(const Lanes& a, const Lanes& b) {
  float sum = 0;
#pragma unroll
  for (int k = 0; k < kPerLane; ++k) sum += a.at[k] * b.at[k];
  return warp_sum(sum);
}

__device__ inline void add_scaled(Lanes& to, float factor, const Lanes& what) {
#pragma unroll
  for (int k = 0; k < kPerLane; ++k) to.at[k] += factor * what.at[k];
}

// The row of (t, h, b) that this warp owns; t of T rows in blockIdx.x.
__device__ inline std::int64_t owned_row() {
  return static_cast<std::int64_t>(blockIdx.x) * kRowsPerBlock + threadIdx.y;
}

template <typename A>
__global__ void forward_kernel(View<A> o, float* lse, View<A> q, View<A> k, View<A> v, const int* first_key, AttentionShape s) {
  const std::int64_t t = owned_row(), h = blockIdx.y, b = blockIdx.z, kv = h / (s.H / s.K);
  if (t >= s.T) return;
  const Lanes query = load(q.at(b, t, h), s.E);
  Lanes sum{};
  float highest = -INFINITY, total = 0;
  for (std::int64_t j = first_key[b * s.T + t]; j <= s.S - s.T + t; ++j) {
    const float score = s.scale * dot(query, load(k.at(b, j, kv), s.E));
    const float now = fmaxf(highest, score), shrink = expf(highest - now), weight = expf(score - now);
#pragma unroll
    for (int i = 0; i < kPerLane; ++i) sum.at[i] *= shrink;
    add_scaled(sum, weight, load(v.at(b, j, kv), s.E));
    total = total * shrink + weight;
    highest = now;
  }
  store(o.at(b, t, h), sum, 1.0f / total, s.E);
  if (threadIdx.x == 0) lse[(b * s.H + h) * s.T + t] = highest + logf(total);
}

template <typename A>
__global__ void dq_kernel(View<A> dq, View<A> d_o, View<A> q, View<A> k, View<A> v, View<A> o, const float* lse,
                          const int* first_key, AttentionShape s) {
  const std::int64_t t = owned_row(), h = blockIdx.y, b = blockIdx.z, kv = h / (s.H / s.K);
  if (t >= s.T) return;
  const Lanes query = load(q.at(b, t, h), s.E), gradient = load(d_o.at(b, t, h), s.E);
  const float mean = dot(gradient, load(o.at(b, t, h), s.E)), log_sum = lse[(b * s.H + h) * s.T + t];
  Lanes sum{};
  for (std::int64_t j = first_key[b * s.T + t]; j <= t; ++j) {
    const Lanes key = load(k.at(b, j, kv), s.E);
    const float p = expf(s.scale * dot(query, key) - log_sum);
    add_scaled(sum, p * (dot(gradient, load(v.at(b, j, kv), s.E)) - mean), key);
  }
  store(dq.at(b, t, h), sum, s.scale, s.E);
}

template <typename A>
__global__ void dk_dv_kernel(View<A> dk, View<A> dv, View<A> d_o, View<A> q, View<A> k, View<A> v, View<A> o, const float* lse,
                             const int* first_key, AttentionShape s) {
  const std::int64_t j = owned_row(), kv = blockIdx.y, b = blockIdx.z, group = s.H / s.K;
  if (j >= s.T) return;
  const Lanes key = load(k.at(b, j, kv), s.E), value = load(v.at(b, j, kv), s.E);
  Lanes key_sum{}, value_sum{};
  for (std::int64_t h = kv * group; h < (kv + 1) * group; ++h) {
    for (std::int64_t t = j; t < s.T; ++t) {
      if (first_key[b * s.T + t] > j) continue;
      const Lanes query = load(q.at(b, t, h), s.E), gradient = load(d_o.at(b, t, h), s.E);
      const float mean = dot(gradient, load(o.at(b, t, h), s.E));
      const float p = expf(s.scale * dot(query, key) - lse[(b * s.H + h) * s.T + t]);
      add_scaled(value_sum, p, gradient);
      add_scaled(key_sum, p * (dot(gradient, value) - mean), query);
    }
  }
  store(dk.at(b, j, kv), key_sum, s.scale, s.E);
  store(dv.at(b, j, kv), value_sum, 1.0f, s.E);
}

AttentionShape shape_of(const Tensor& q, const Tensor& k, double scale) {
  const AttentionShape shape{q.shape[1], k.shape[1], q.shape[2], k.shape[2], q.shape[3], static_cast<float>(scale)};
  if (shape.E > kWarp * kPerLane) fail("attention on the GPU takes heads of at most {}, found {}", kWarp * kPerLane, shape.E);
  return shape;
}

dim3 grid_of(std::int64_t rows, std::int64_t heads, std::int64_t B) {
  if (heads > 65535 || B > 65535) fail("attention on the GPU takes at most 65535 heads and sequences, found {} and {}", heads, B);
  return dim3(blocks_for(rows, kRowsPerBlock), static_cast<unsigned>(heads), static_cast<unsigned>(B));
}

}  // namespace

void attention_forward_plain(Context& ctx, const Tensor& o, const Tensor& lse, const Tensor& q, const Tensor& k, const Tensor& v,
                             const Tensor& first_key, double scale) {
  with_type(q, [&](auto type) {
    using A = decltype(type);
    const AttentionShape shape = shape_of(q, k, scale);
    launch(forward_kernel<A>, grid_of(shape.T, shape.H, q.shape[0]), dim3(kWarp, kRowsPerBlock), 0, queue_of(ctx).stream(),
           view<A>(o), lse.as<float>(), view<A>(q), view<A>(k), view<A>(v), first_key.as<int>(), shape);
  });
}

void attention_backward_plain(Context& ctx, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o,
                              const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse,
                              const Tensor& first_key, double scale) {
  with_type(q, [&](auto type) {
    using A = decltype(type);
    const AttentionShape shape = shape_of(q, k, scale);
    const dim3 block(kWarp, kRowsPerBlock);
    launch(dq_kernel<A>, grid_of(shape.T, shape.H, q.shape[0]), block, 0, queue_of(ctx).stream(), view<A>(dq), view<A>(d_o),
           view<A>(q), view<A>(k), view<A>(v), view<A>(o), lse.as<float>(), first_key.as<int>(), shape);
    launch(dk_dv_kernel<A>, grid_of(shape.T, shape.K, q.shape[0]), block, 0, queue_of(ctx).stream(), view<A>(dk), view<A>(dv),
           view<A>(d_o), view<A>(q), view<A>(k), view<A>(v), view<A>(o), lse.as<float>(), first_key.as<int>(), shape);
  });
}

}  // namespace cairn::cuda
