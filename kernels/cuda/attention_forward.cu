// Causal attention inside documents on tensor cores, forward (kernels/ops.h): bfloat16, head width 64 or 128. After
// FlashAttention-2 (Dao 2023): a block owns 128 queries of one head, each warp 16 of them; keys and values stream through shared
// memory in tiles of 64, double-buffered; scores never leave registers. Tiles that no query of the block sees are not visited, so
// the work follows the documents.
#include "base/error.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention_view.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/mma.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/reduce.h"

namespace cairn::cuda {
namespace {

constexpr int kWarps = 8;
constexpr int kQueries = kWarps * 16;  // of a block
constexpr int kKeys = 64;              // of a tile

template <int E>
std::size_t shared_bytes() {
  return static_cast<std::size_t>(kQueries + 4 * kKeys) * Tile<E>::kStride * sizeof(Bf16);
}

template <int E>
__global__ void __launch_bounds__(kWarps* kWarp)
    forward_kernel(View<Bf16> o, float* lse, View<Bf16> q, View<Bf16> k, View<Bf16> v, const int* first_key, AttentionShape s) {
  CAIRN_DYNAMIC_SHARED(Bf16, memory);
  __shared__ int firsts[kQueries];
  const Tile<E> queries{memory};
  const auto keys = [&](std::int64_t tile) { return Tile<E>{memory + (kQueries + tile % 2 * kKeys) * Tile<E>::kStride}; };
  const auto values = [&](std::int64_t tile) { return Tile<E>{memory + (kQueries + (2 + tile % 2) * kKeys) * Tile<E>::kStride}; };

  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  // The latest queries see the most keys: their blocks start first.
  const std::int64_t t0 = static_cast<std::int64_t>(gridDim.x - 1 - blockIdx.x) * kQueries, h = blockIdx.y, b = blockIdx.z;
  const std::int64_t kv = h / (s.H / s.K), rows = s.T - t0 < kQueries ? s.T - t0 : kQueries, offset = s.S - s.T;

  queries.template fetch<kQueries>(q.at(b, t0, h), q.row, rows);
  for (int i = static_cast<int>(threadIdx.x); i < rows; i += kWarps * kWarp) firsts[i] = first_key[b * s.T + t0 + i];
  __syncthreads();
  const auto [lowest, highest] = range_of<kQueries>(firsts, static_cast<int>(rows));
  const std::int64_t begin = lowest / kKeys, end = (offset + t0 + rows + kKeys - 1) / kKeys;
  const auto fetch = [&](std::int64_t tile) {
    const std::int64_t j = tile * kKeys, count = s.S - j;
    keys(tile).template fetch<kKeys>(k.at(b, j, kv), k.row, count);
    values(tile).template fetch<kKeys>(v.at(b, j, kv), v.row, count);
    commit_copies();
  };
  fetch(begin);

  // This lane's two rows of the warp's 16: row and row + 8.
  const int row = warp * 16 + lane / 4;
  std::int64_t first[2], last[2];
  for (int i = 0; i < 2; ++i) {
    const int r = row + 8 * i;
    first[i] = r < rows ? firsts[r] : s.S;  // a row behind the end sees nothing
    last[i] = r < rows ? offset + t0 + r : -1;
  }
  const float factor = s.scale * kLog2e;
  float out[E / 8][4] = {};
  float largest[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};
  std::uint32_t query[E / 16][4];

  for (std::int64_t tile = begin; tile < end; ++tile) {
    if (tile + 1 < end) {
      fetch(tile + 1);
      wait_copies<1>();
    } else {
      wait_copies<0>();
    }
    __syncthreads();
    if (tile == begin) {
#pragma unroll
      for (int e = 0; e < E / 16; ++e) queries.load_a(query[e], warp * 16, e * 16);
    }

    float score[kKeys / 8][4] = {};
#pragma unroll
    for (int e = 0; e < E / 16; ++e) {
#pragma unroll
      for (int n = 0; n < kKeys / 16; ++n) {
        std::uint32_t key[4];
        keys(tile).load_b_of_transposed(key, n * 16, e * 16);
        mma_m16n8k16(score[2 * n], query[e], key[0], key[1]);
        mma_m16n8k16(score[2 * n + 1], query[e], key[2], key[3]);
      }
    }

    const std::int64_t j0 = tile * kKeys;
    if (j0 < highest || j0 + kKeys - 1 > offset + t0 || rows < kQueries) {
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const std::int64_t j = j0 + n * 8 + lane % 4 * 2 + i % 2;
          if (j < first[i / 2] || j > last[i / 2]) score[n][i] = -INFINITY;
        }
      }
    }

#pragma unroll
    for (int i = 0; i < 2; ++i) {
      float now = largest[i];
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) now = fmaxf(now, fmaxf(score[n][2 * i], score[n][2 * i + 1]));
      now = row_max(now);
      const float base = now == -INFINITY ? 0.0f : now * factor;  // no key of this row so far: all weights are 0
      const float shrink = exp2f(largest[i] * factor - base);
      float sum = 0;
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) {
        score[n][2 * i] = exp2f(score[n][2 * i] * factor - base);
        score[n][2 * i + 1] = exp2f(score[n][2 * i + 1] * factor - base);
        sum += score[n][2 * i] + score[n][2 * i + 1];
      }
      total[i] = total[i] * shrink + sum;
      largest[i] = now;
#pragma unroll
      for (int e = 0; e < E / 8; ++e) {
        out[e][2 * i] *= shrink;
        out[e][2 * i + 1] *= shrink;
      }
    }

#pragma unroll
    for (int n = 0; n < kKeys / 16; ++n) {
      const std::uint32_t weights[4] = {pack(score[2 * n][0], score[2 * n][1]), pack(score[2 * n][2], score[2 * n][3]),
                                        pack(score[2 * n + 1][0], score[2 * n + 1][1]),
                                        pack(score[2 * n + 1][2], score[2 * n + 1][3])};
#pragma unroll
      for (int e = 0; e < E / 16; ++e) {
        std::uint32_t value[4];
        values(tile).load_b(value, n * 16, e * 16);
        mma_m16n8k16(out[2 * e], weights, value[0], value[1]);
        mma_m16n8k16(out[2 * e + 1], weights, value[2], value[3]);
      }
    }
    __syncthreads();  // the next fetch overwrites what this tile was read from
  }

#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const float sum = row_sum(total[i]);
    const int r = row + 8 * i;
    if (r >= rows) continue;
    Bf16* to = o.at(b, t0 + r, h);
#pragma unroll
    for (int e = 0; e < E / 8; ++e) {
      *reinterpret_cast<std::uint32_t*>(to + e * 8 + lane % 4 * 2) = pack(out[e][2 * i] / sum, out[e][2 * i + 1] / sum);
    }
    if (lane % 4 == 0) lse[(b * s.H + h) * s.T + t0 + r] = largest[i] * s.scale + log2f(sum) * kLn2;
  }
}

}  // namespace

void attention_forward_mma(Context& ctx, const Tensor& o, const Tensor& lse, const Tensor& q, const Tensor& k, const Tensor& v,
                           const Tensor& first_key, double scale) {
  const AttentionShape shape{q.shape[1], k.shape[1], q.shape[2], k.shape[2], q.shape[3], static_cast<float>(scale)};
  const dim3 grid(blocks_for(shape.T, kQueries), static_cast<unsigned>(shape.H), static_cast<unsigned>(q.shape[0]));
  const auto start = [&](auto kernel, std::size_t shared) {
    launch(kernel, grid, kWarps * kWarp, shared, queue_of(ctx).stream(), view<Bf16>(o), lse.as<float>(), view<Bf16>(q),
           view<Bf16>(k), view<Bf16>(v), first_key.as<int>(), shape);
  };
  if (shape.E == 64) return start(forward_kernel<64>, shared_bytes<64>());
  if (shape.E == 128) return start(forward_kernel<128>, shared_bytes<128>());
  fail("attention on tensor cores takes heads of 64 or 128, found {}", shape.E);
}

}  // namespace cairn::cuda
