// The backward of attention on tensor cores (kernels/ops.h): bfloat16, head width 64 or 128, without atomics.
//
// Two passes over the scores instead of one: a block that owns keys adds up dK and dV over the queries that see them, in the
// order of heads and queries; then a block that owns queries adds up dQ over the keys. Scores and their gradients are computed in
// both, seven products instead of five, and in return every sum has one owner and one order: the same bits each time
// (spec/training.md §3.3). Tiles that no document crosses are not visited.
#include "base/error.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention_view.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/mma.h"
#include "kernels/cuda/ops.h"

namespace cairn::cuda {
namespace {

constexpr int kWarps = 8;
constexpr int kThreads = kWarps * kWarp;
constexpr int kOwned = kWarps * 16;  // keys, or queries, of a block
constexpr int kQueryTile = 32;       // that pass a block of keys; few, as dK and dV already fill the registers
constexpr int kKeyTile = 64;         // that pass a block of queries

struct BackwardViews {
  View<Bf16> dq, dk, dv, d_o, q, k, v, o;
  const float* lse;
  float* means;  // [B, H, T]: sum over E of dO O, which is sum_j P dP
  const int* first_key;
};

// A warp a row.
__global__ void means_kernel(BackwardViews g, AttentionShape s) {
  const std::int64_t t = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.y, h = blockIdx.y, b = blockIdx.z;
  if (t >= s.T) return;
  float sum = 0;
  for (std::int64_t e = threadIdx.x; e < s.E; e += kWarp) sum += to_float(g.d_o.at(b, t, h)[e]) * to_float(g.o.at(b, t, h)[e]);
  sum = warp_sum(sum);
  if (threadIdx.x == 0) g.means[(b * s.H + h) * s.T + t] = sum;
}

template <int E>
std::size_t shared_bytes(int passing) {
  return static_cast<std::size_t>(2 * kOwned + 2 * passing) * Tile<E>::kStride * sizeof(Bf16);
}

// c [16, n] = rows [row, row + 16) of `a` times all kRows rows of `b` transposed.
template <int E, int kRows>
__device__ void multiply_transposed(float (&c)[kRows / 8][4], const Tile<E>& a, int row, const Tile<E>& b) {
#pragma unroll
  for (int e = 0; e < E / 16; ++e) {
    std::uint32_t left[4];
    a.load_a(left, row, e * 16);
#pragma unroll
    for (int n = 0; n < kRows / 16; ++n) {
      std::uint32_t right[4];
      b.load_b_of_transposed(right, n * 16, e * 16);
      mma_m16n8k16(c[2 * n], left, right[0], right[1]);
      mma_m16n8k16(c[2 * n + 1], left, right[2], right[3]);
    }
  }
}

// sum [16, E] += p [16, kRows] times `b` [kRows, E]; p as the C fragments of an earlier product, rounded to bfloat16.
template <int E, int kRows>
__device__ void add_product(float (&sum)[E / 8][4], const float (&p)[kRows / 8][4], const Tile<E>& b) {
#pragma unroll
  for (int n = 0; n < kRows / 16; ++n) {
    const std::uint32_t left[4] = {pack(p[2 * n][0], p[2 * n][1]), pack(p[2 * n][2], p[2 * n][3]),
                                   pack(p[2 * n + 1][0], p[2 * n + 1][1]), pack(p[2 * n + 1][2], p[2 * n + 1][3])};
#pragma unroll
    for (int e = 0; e < E / 16; ++e) {
      std::uint32_t right[4];
      b.load_b(right, n * 16, e * 16);
      mma_m16n8k16(sum[2 * e], left, right[0], right[1]);
      mma_m16n8k16(sum[2 * e + 1], left, right[2], right[3]);
    }
  }
}

template <int E>
__device__ void store(const View<Bf16>& to, std::int64_t b, std::int64_t t, std::int64_t head, const float (&sum)[E / 8][4],
                      int half, float factor) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  Bf16* row = to.at(b, t, head);
#pragma unroll
  for (int e = 0; e < E / 8; ++e)
    *reinterpret_cast<std::uint32_t*>(row + e * 8 + lane % 4 * 2) =
        pack(sum[e][2 * half] * factor, sum[e][2 * half + 1] * factor);
}

// A score becomes its probability, and the gradient of the probability that of the score (before the scale). `log_sum` is in
// powers of two.
__device__ inline void to_probability(float& p, float& ds, bool seen, float scale, float log_sum, float mean) {
  p = seen ? exp2f(p * scale * kLog2e - log_sum) : 0.0f;
  ds = p * (ds - mean);
}

// Scores are held transposed, keys down and queries across: P^T is then the left operand of dV as it stands in the registers.
template <int E>
__global__ void __launch_bounds__(kThreads) dk_dv_kernel(BackwardViews g, AttentionShape s) {
  CAIRN_DYNAMIC_SHARED(Bf16, memory);
  __shared__ float log_sums[kQueryTile], means[kQueryTile];
  __shared__ int firsts[kQueryTile];
  const Tile<E> keys{memory}, values{memory + kOwned * Tile<E>::kStride}, queries{memory + 2 * kOwned * Tile<E>::kStride},
      gradients{memory + (2 * kOwned + kQueryTile) * Tile<E>::kStride};
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  const std::int64_t j0 = static_cast<std::int64_t>(blockIdx.x) * kOwned, kv = blockIdx.y, b = blockIdx.z, group = s.H / s.K;
  const std::int64_t owned = s.T - j0 < kOwned ? s.T - j0 : kOwned;

  keys.template fetch<kOwned>(g.k.at(b, j0, kv), g.k.row, owned);
  values.template fetch<kOwned>(g.v.at(b, j0, kv), g.v.row, owned);
  float dk[E / 8][4] = {}, dv[E / 8][4] = {};
  for (std::int64_t h = kv * group; h < (kv + 1) * group; ++h) {
    for (std::int64_t t0 = j0 / kQueryTile * kQueryTile; t0 < s.T; t0 += kQueryTile) {
      const std::int64_t rows = s.T - t0 < kQueryTile ? s.T - t0 : kQueryTile;
      __syncthreads();  // nobody reads the last tile any more
      if (static_cast<int>(threadIdx.x) < kQueryTile) {
        const bool there = static_cast<std::int64_t>(threadIdx.x) < rows;
        const std::int64_t at = (b * s.H + h) * s.T + t0 + threadIdx.x;
        firsts[threadIdx.x] = there ? g.first_key[b * s.T + t0 + threadIdx.x] : 0x7fffffff;
        log_sums[threadIdx.x] = there ? g.lse[at] * kLog2e : 0;
        means[threadIdx.x] = there ? g.means[at] : 0;
      }
      __syncthreads();
      if (range_of<kQueryTile>(firsts, static_cast<int>(rows)).lowest >= j0 + owned) continue;  // another document
      queries.template fetch<kQueryTile>(g.q.at(b, t0, h), g.q.row, rows);
      gradients.template fetch<kQueryTile>(g.d_o.at(b, t0, h), g.d_o.row, rows);
      commit_copies();
      wait_copies<0>();
      __syncthreads();

      float p[kQueryTile / 8][4] = {}, ds[kQueryTile / 8][4] = {};
      multiply_transposed<E, kQueryTile>(p, keys, warp * 16, queries);
      multiply_transposed<E, kQueryTile>(ds, values, warp * 16, gradients);
#pragma unroll
      for (int n = 0; n < kQueryTile / 8; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int column = n * 8 + lane % 4 * 2 + i % 2;
          const std::int64_t j = j0 + warp * 16 + lane / 4 + i / 2 * 8;
          const bool seen = j >= firsts[column] && j <= t0 + column && column < rows;
          to_probability(p[n][i], ds[n][i], seen, s.scale, log_sums[column], means[column]);
        }
      }
      add_product<E, kQueryTile>(dv, p, gradients);
      add_product<E, kQueryTile>(dk, ds, queries);
    }
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const std::int64_t row = warp * 16 + lane / 4 + 8 * half;
    if (row >= owned) continue;
    store<E>(g.dk, b, j0 + row, kv, dk, half, s.scale);
    store<E>(g.dv, b, j0 + row, kv, dv, half, 1.0f);
  }
}

template <int E>
__global__ void __launch_bounds__(kThreads) dq_kernel(BackwardViews g, AttentionShape s) {
  CAIRN_DYNAMIC_SHARED(Bf16, memory);
  __shared__ int firsts[kOwned];
  const Tile<E> queries{memory}, gradients{memory + kOwned * Tile<E>::kStride}, keys{memory + 2 * kOwned * Tile<E>::kStride},
      values{memory + (2 * kOwned + kKeyTile) * Tile<E>::kStride};
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  const std::int64_t t0 = static_cast<std::int64_t>(gridDim.x - 1 - blockIdx.x) * kOwned, h = blockIdx.y, b = blockIdx.z;
  const std::int64_t kv = h / (s.H / s.K), owned = s.T - t0 < kOwned ? s.T - t0 : kOwned;

  queries.template fetch<kOwned>(g.q.at(b, t0, h), g.q.row, owned);
  gradients.template fetch<kOwned>(g.d_o.at(b, t0, h), g.d_o.row, owned);
  for (int i = static_cast<int>(threadIdx.x); i < owned; i += kThreads) firsts[i] = g.first_key[b * s.T + t0 + i];
  __syncthreads();
  const std::int64_t begin = range_of<kOwned>(firsts, static_cast<int>(owned)).lowest / kKeyTile * kKeyTile;

  std::int64_t first[2], last[2];  // of this lane's two rows
  float log_sum[2], mean[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const std::int64_t row = warp * 16 + lane / 4 + 8 * half, at = (b * s.H + h) * s.T + t0 + row;
    const bool there = row < owned;
    first[half] = there ? firsts[row] : s.T;
    last[half] = there ? t0 + row : -1;
    log_sum[half] = there ? g.lse[at] * kLog2e : 0;
    mean[half] = there ? g.means[at] : 0;
  }
  float dq[E / 8][4] = {};
  for (std::int64_t j0 = begin; j0 < t0 + owned; j0 += kKeyTile) {
    __syncthreads();  // nobody reads the last tile any more
    keys.template fetch<kKeyTile>(g.k.at(b, j0, kv), g.k.row, s.T - j0);
    values.template fetch<kKeyTile>(g.v.at(b, j0, kv), g.v.row, s.T - j0);
    commit_copies();
    wait_copies<0>();
    __syncthreads();
    float p[kKeyTile / 8][4] = {}, ds[kKeyTile / 8][4] = {};
    multiply_transposed<E, kKeyTile>(p, queries, warp * 16, keys);
    multiply_transposed<E, kKeyTile>(ds, gradients, warp * 16, values);
#pragma unroll
    for (int n = 0; n < kKeyTile / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const std::int64_t j = j0 + n * 8 + lane % 4 * 2 + i % 2;
        const bool seen = j >= first[i / 2] && j <= last[i / 2];
        to_probability(p[n][i], ds[n][i], seen, s.scale, log_sum[i / 2], mean[i / 2]);
      }
    }
    add_product<E, kKeyTile>(dq, ds, keys);
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const std::int64_t row = warp * 16 + lane / 4 + 8 * half;
    if (row < owned) store<E>(g.dq, b, t0 + row, h, dq, half, s.scale);
  }
}

}  // namespace

void attention_backward_mma(Context& ctx, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o,
                            const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse,
                            const Tensor& first_key, double scale) {
  const Queue& queue = queue_of(ctx);
  const AttentionShape shape{q.shape[1], k.shape[1], q.shape[2], k.shape[2], q.shape[3], static_cast<float>(scale)};
  const auto H = static_cast<unsigned>(shape.H), K = static_cast<unsigned>(shape.K), B = static_cast<unsigned>(q.shape[0]);
  const BackwardViews views{
      view<Bf16>(dq),     view<Bf16>(dk), view<Bf16>(dv), view<Bf16>(d_o), view<Bf16>(q),
      view<Bf16>(k),      view<Bf16>(v),  view<Bf16>(o),  lse.as<float>(), queue.scratch<float>(q.shape[0] * shape.H * shape.T),
      first_key.as<int>()};
  launch(means_kernel, dim3(blocks_for(shape.T, kWarps), H, B), dim3(kWarp, kWarps), 0, queue.stream(), views, shape);
  const unsigned tiles = blocks_for(shape.T, kOwned);
  const auto start = [&](auto of_keys, auto of_queries, std::size_t shared_keys, std::size_t shared_queries) {
    launch(of_keys, dim3(tiles, K, B), kThreads, shared_keys, queue.stream(), views, shape);
    launch(of_queries, dim3(tiles, H, B), kThreads, shared_queries, queue.stream(), views, shape);
  };
  if (shape.E == 64) return start(dk_dv_kernel<64>, dq_kernel<64>, shared_bytes<64>(kQueryTile), shared_bytes<64>(kKeyTile));
  if (shape.E == 128) return start(dk_dv_kernel<128>, dq_kernel<128>, shared_bytes<128>(kQueryTile), shared_bytes<128>(kKeyTile));
  fail("attention on tensor cores takes heads of 64 or 128, found {}", shape.E);
}

}  // namespace cairn::cuda
