// Decoding (kernels/ops.h): rows into the cache, and the attention of one query a sequence over pages of keys and values
// ("split-KV flash decoding"). A block computes a stretch of kDecodeStretch positions for all query heads of one key head, so
// keys and values are read from memory once; a second kernel combines the stretches in ascending order. Stretches are fixed
// places of the sequence: how many there are beside them, and in which pages they lie, changes no bit.
#include <algorithm>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/types.h"

namespace cairn::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kStretch = ops::kDecodeStretch;
constexpr int kWidest = 256;  // head
constexpr int kAhead = 4;     // keys that a team has on their way from memory

template <typename A>
__global__ void append_kernel(A* cache, const A* rows, const int* slots, std::int64_t W) {
  const std::int64_t n = blockIdx.y, slot = slots[n],
                     i = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kEight;
  if (slot < 0 || i >= W) return;
  store_eight(cache + slot * W + i, load_eight(rows + n * W + i, W - i), W - i);
}

struct Decoding {
  std::int64_t H, K, E, page, L;
  int splits;
  float scale;
};

// Query heads [first, first + kHeads) of a key head's group. Lanes in teams of `team` share a key, eight columns each.
template <typename A, int kHeads>
__global__ void __launch_bounds__(kThreads)
    stretch_kernel(float* out, float* largest, float* total, const A* q, const A* k, const A* v, const int* table,
                   const int* lengths, Decoding s, int team, int chunks) {
  __shared__ float weights[kHeads][kStretch];
  __shared__ float reduce[kWarp];
  __shared__ float sums[kThreads][kEight];
  const std::int64_t n = blockIdx.z, kv = static_cast<std::int64_t>(blockIdx.y) / chunks, group = s.H / s.K;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) % chunks * kHeads;
  const int heads = static_cast<int>(group - first < kHeads ? group - first : kHeads);
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * kStretch, left = lengths[n] - begin;
  if (left <= 0) return;
  const int count = static_cast<int>(left < kStretch ? left : kStretch);
  const int member = static_cast<int>(threadIdx.x) % team, teams = kThreads / team, mine = static_cast<int>(threadIdx.x) / team;
  const int column = member * kEight;
  const std::int64_t columns = s.E - column;
  const auto at = [&](const A* cache, int key) {
    const std::int64_t p = begin + key, slot = table[n * s.L + p / s.page] * s.page + p % s.page;
    return columns > 0 ? load_eight(cache + (slot * s.K + kv) * s.E + column, columns) : Eight{};
  };

  Eight query[kHeads];
#pragma unroll
  for (int h = 0; h < kHeads; ++h) {
    query[h] = h < heads && columns > 0 ? load_eight(q + (n * s.H + kv * group + first + h) * s.E + column, columns) : Eight{};
  }
  for (int key0 = 0; key0 < count; key0 += kAhead * teams) {  // all lanes take part in the sums
    Eight values[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int key = key0 + i * teams + mine;
      values[i] = key < count ? at(k, key) : Eight{};
    }
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int key = key0 + i * teams + mine;
#pragma unroll
      for (int h = 0; h < kHeads; ++h) {
        float dot = 0;
#pragma unroll
        for (int j = 0; j < kEight; ++j) dot += query[h].at[j] * values[i].at[j];
        for (int offset = team / 2; offset > 0; offset /= 2) dot += __shfl_xor_sync(kAllLanes, dot, offset);
        if (member == 0 && key < count) weights[h][key] = dot * s.scale;
      }
    }
  }
  __syncthreads();
  for (int h = 0; h < heads; ++h) {
    float most = -INFINITY, sum = 0;
    for (int key = static_cast<int>(threadIdx.x); key < count; key += kThreads) most = fmaxf(most, weights[h][key]);
    most = block_max(most, reduce);
    for (int key = static_cast<int>(threadIdx.x); key < count; key += kThreads) {
      const float weight = expf(weights[h][key] - most);
      weights[h][key] = weight;
      sum += weight;
    }
    sum = block_sum(sum, reduce);
    if (threadIdx.x == 0) {
      const std::int64_t place = (n * s.H + kv * group + first + h) * s.splits + blockIdx.x;
      largest[place] = most;
      total[place] = sum;
    }
  }
  __syncthreads();

  Eight sum[kHeads] = {};
  for (int key0 = mine; key0 < count; key0 += kAhead * teams) {
    Eight values[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int key = key0 + i * teams;
      values[i] = key < count ? at(v, key) : Eight{};
    }
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int key = key0 + i * teams;
      if (key >= count) break;
#pragma unroll
      for (int h = 0; h < kHeads; ++h) {
#pragma unroll
        for (int j = 0; j < kEight; ++j) sum[h].at[j] += weights[h][key] * values[i].at[j];
      }
    }
  }
#pragma unroll
  for (int h = 0; h < kHeads; ++h) {  // the teams' sums, in their order
    if (h >= heads) break;
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kEight; ++i) sums[threadIdx.x][i] = sum[h].at[i];
    __syncthreads();
    const std::int64_t place = (n * s.H + kv * group + first + h) * s.splits + blockIdx.x;
    for (int e = static_cast<int>(threadIdx.x); e < s.E; e += kThreads) {
      float whole = 0;
      for (int t = 0; t < teams; ++t) whole += sums[t * team + e / kEight][e % kEight];
      out[place * s.E + e] = whole;
    }
  }
}

template <typename A>
__global__ void combine_kernel(A* o, const float* out, const float* largest, const float* total, const int* lengths, Decoding s) {
  const std::int64_t n = blockIdx.y, h = blockIdx.x, row = n * s.H + h;
  const int count = (lengths[n] + kStretch - 1) / kStretch;
  float most = -INFINITY, sum = 0;
  for (int split = 0; split < count; ++split) most = fmaxf(most, largest[row * s.splits + split]);
  for (int split = 0; split < count; ++split) sum += total[row * s.splits + split] * expf(largest[row * s.splits + split] - most);
  for (int e = static_cast<int>(threadIdx.x); e < s.E; e += kThreads) {
    float whole = 0;
    for (int split = 0; split < count; ++split)
      whole += out[(row * s.splits + split) * s.E + e] * expf(largest[row * s.splits + split] - most);
    o[row * s.E + e] = from_float<A>(count == 0 ? 0.0f : whole / sum);
  }
}

}  // namespace

void cache_append(Context& ctx, const Tensor& cache, const Tensor& rows, const Tensor& slots) {
  with_type(rows, [&](auto type) {
    using A = decltype(type);
    const std::int64_t N = rows.shape[0], W = rows.shape[1];
    if (N * W == 0) return;
    if (N > 65535) fail("cache_append on the GPU takes at most 65535 rows, found {}", N);
    launch(append_kernel<A>, dim3(blocks_for(W, kThreads * kEight), static_cast<unsigned>(N)), kThreads, 0,
           queue_of(ctx).stream(), cache.as<A>(), rows.as<A>(), slots.as<int>(), W);
  });
}

void paged_attention(Context& ctx, const Tensor& o, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& table,
                     const Tensor& lengths, double scale) {
  const Queue& queue = queue_of(ctx);
  const std::int64_t N = q.shape[0], most = table.shape[1] * k.shape[1];
  const std::int64_t splits = std::max<std::int64_t>(1, (most + kStretch - 1) / kStretch);
  const Decoding s{
      q.shape[1], k.shape[2], q.shape[2], k.shape[1], table.shape[1], static_cast<int>(splits), static_cast<float>(scale)};
  if (N * s.H * s.E == 0) return;
  if (s.E > kWidest) fail("paged_attention on the GPU takes heads of at most {}, found {}", kWidest, s.E);
  if (N > 65535) fail("paged_attention on the GPU takes at most 65535 sequences, found {}", N);
  int team = 1;
  while (team * kEight < s.E) team *= 2;
  const std::int64_t places = N * s.H * splits;
  float* largest = queue.scratch<float>(places * (2 + s.E));
  float *total = largest + places, *out = total + places;
  with_type(q, [&](auto type) {
    using A = decltype(type);
    const std::int64_t group = s.H / s.K;
    const auto start = [&](auto kernel, std::int64_t heads) {
      const std::int64_t chunks = (group + heads - 1) / heads;
      launch(kernel, dim3(static_cast<unsigned>(splits), static_cast<unsigned>(s.K * chunks), static_cast<unsigned>(N)), kThreads,
             0, queue.stream(), out, largest, total, q.as<A>(), k.as<A>(), v.as<A>(), table.as<int>(), lengths.as<int>(), s, team,
             static_cast<int>(chunks));
    };
    if (group == 1) {
      start(stretch_kernel<A, 1>, 1);
    } else if (group == 2) {
      start(stretch_kernel<A, 2>, 2);
    } else if (group <= 4) {
      start(stretch_kernel<A, 4>, 4);
    } else {
      start(stretch_kernel<A, 8>, 8);
    }
    launch(combine_kernel<A>, dim3(static_cast<unsigned>(s.H), static_cast<unsigned>(N)), kThreads, 0, queue.stream(), o.as<A>(),
           out, largest, total, lengths.as<int>(), s);
  });
}

}  // namespace cairn::cuda
