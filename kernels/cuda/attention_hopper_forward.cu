// Causal attention inside documents on Hopper's tensor cores, forward (kernels/ops.h): bfloat16, head width 64 or 128. After
// FlashAttention-3 (Shah et al. 2024): a block owns 128 queries of one head, two warpgroups 64 of them each; one more thread
// keeps tiles of 128 keys and values coming through two stages of shared memory. A warpgroup computes the scores of the next tile
// while it adds the values of the last, and the two take turns at the tensor cores, so that one's exponentials run beside the
// other's products. Tiles that no query of the block sees are not visited.
//
// The latest keys come first: those tiles need the mask. What hardware has to confirm: descriptors and swizzle of panels.h
// against tensor cores, tile maps against the driver (tests/gpu/device_test.cpp, "small case"), and that ptxas keeps all in 240
// registers.
#include "base/error.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/panels.h"

namespace cairn::cuda {
namespace {

constexpr int kQueries = 128, kKeys = 128, kStages = 2;
constexpr int kConsumers = 2;  // warpgroups
constexpr int kThreads = (1 + kConsumers) * kWarpgroup;

template <int E>
struct Shared {
  static constexpr int kTile = kKeys * E * 2;
  unsigned char queries[kQueries * E * 2], keys[kStages][kTile], values[kStages][kTile];
  Barrier queries_there, keys_there[kStages], values_there[kStages], keys_read[kStages], values_read[kStages];
  int firsts[kQueries];
  float nowhere[kThreads];
};

// This thread's two rows of a warpgroup's 64: which keys they see, and the running softmax over them.
struct Rows {
  int first[2], last[2];
  float largest[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};  // total: of this lane's columns

  // Scores [64 x kKeys] of keys from j0 on become weights; what was summed so far shrinks by `shrink`.
  __device__ void weigh(float (&score)[kKeys / 2], int j0, bool partly, float factor, float (&shrink)[2]) {
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    if (partly) {
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int j = j0 + n * 8 + lane % 4 * 2 + i % 2;
          if (j < first[i / 2] || j > last[i / 2]) score[4 * n + i] = -INFINITY;
        }
      }
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      float now = largest[i];
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) now = fmaxf(now, fmaxf(score[4 * n + 2 * i], score[4 * n + 2 * i + 1]));
      now = row_max(now);
      const float base = now == -INFINITY ? 0.0f : now * factor;  // no key of this row so far: all weights are 0
      shrink[i] = exp2_fast(largest[i] * factor - base);
      float sum = 0;
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          float& weight = score[4 * n + 2 * i + c];
          weight = exp2_fast(weight * factor - base);
          sum += weight;
        }
      }
      total[i] = total[i] * shrink[i] + sum;
      largest[i] = now;
    }
  }
};

template <int E>
__global__ void __launch_bounds__(kThreads, 1)
    forward_kernel(View<Bf16> o, float* lse, const __grid_constant__ TileMap q, const __grid_constant__ TileMap k,
                   const __grid_constant__ TileMap v, const int* first_key, AttentionShape s) {
  if constexpr (kHopper) {
    CAIRN_TILE_SHARED(Shared<E>, m);
    const int warpgroup = static_cast<int>(threadIdx.x) / kWarpgroup, thread = static_cast<int>(threadIdx.x) % kWarpgroup;
    // The latest queries see the most keys: their blocks start first.
    const int t0 = static_cast<int>(gridDim.x - 1 - blockIdx.x) * kQueries, h = static_cast<int>(blockIdx.y),
              b = static_cast<int>(blockIdx.z), kv = h / static_cast<int>(s.H / s.K), T = static_cast<int>(s.T);
    const int count = T - t0 < kQueries ? T - t0 : kQueries, offset = static_cast<int>(s.S - s.T);

    if (threadIdx.x == 0) {
      init_barrier(&m->queries_there, 1);
      for (int stage = 0; stage < kStages; ++stage) {
        init_barrier(&m->keys_there[stage], 1);
        init_barrier(&m->values_there[stage], 1);
        init_barrier(&m->keys_read[stage], kConsumers * kWarpgroup / kWarp);
        init_barrier(&m->values_read[stage], kConsumers * kWarpgroup / kWarp);
      }
      publish_barriers();
    }
    for (int i = static_cast<int>(threadIdx.x); i < count; i += kThreads)
      m->firsts[i] = first_key[static_cast<std::int64_t>(b) * T + t0 + i];
    __syncthreads();
    const KeyRange first_keys = range_of<kQueries>(m->firsts, count);
    const int begin = first_keys.lowest / kKeys, end = (offset + t0 + count + kKeys - 1) / kKeys, tiles = end - begin;
    const Panels<kQueries, E> queries{m->queries};
    const auto keys = [&](int stage) { return Panels<kKeys, E>{m->keys[stage]}; };
    const auto values = [&](int stage) { return Panels<kKeys, E>{m->values[stage]}; };

    if (warpgroup == 0) {
      give_back_registers<24>();
      if (thread != 0) return;
      const auto fetch = [&](const Panels<kKeys, E>& to, const TileMap& from, Barrier* there, Barrier* read, int i) {
        wait(read, static_cast<unsigned>(i / kStages % 2) ^ 1u);
        arrive_expecting(there, Panels<kKeys, E>::kBytes);
        to.fetch(from, there, (end - 1 - i) * kKeys, kv, b);
      };
      const auto fetch_values = [&](int i) {
        fetch(values(i % kStages), v, &m->values_there[i % kStages], &m->values_read[i % kStages], i);
      };
      arrive_expecting(&m->queries_there, Panels<kQueries, E>::kBytes);
      queries.fetch(q, &m->queries_there, t0, h, b);
      for (int i = 0; i < tiles; ++i) {  // in the order in which they are wanted
        fetch(keys(i % kStages), k, &m->keys_there[i % kStages], &m->keys_read[i % kStages], i);
        if (i > 0) fetch_values(i - 1);
      }
      fetch_values(tiles - 1);
      return;
    }

    take_registers<240>();
    const int group = warpgroup - 1, warp = thread / kWarp, lane = thread % kWarp;
    constexpr int kTurns = 1, kStores = kTurns + kConsumers;  // names of meetings, one for each group
    const auto read = [&](Barrier* barrier) {
      if (lane == 0) arrive(barrier);
    };
    Rows rows;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int r = group * 64 + warp * 16 + lane / 4 + 8 * i;
      rows.first[i] = r < count ? m->firsts[r] : static_cast<int>(s.S);  // a row behind the end sees nothing
      rows.last[i] = r < count ? offset + t0 + r : -1;
    }
    const float factor = s.scale * kLog2e;
    const int row = group * 64;
    const auto weigh = [&](float(&score)[kKeys / 2], int i, float(&shrink)[2]) {
      const int j0 = (end - 1 - i) * kKeys;
      rows.weigh(score, j0, j0 < first_keys.highest || j0 + kKeys - 1 > offset + t0 || count < kQueries, factor, shrink);
    };
    float out[E / 2] = {}, score[kKeys / 2], shrink[2];
    std::uint32_t weights[kKeys / 16][4];

    if (group == 1) announce(kTurns, kConsumers * kWarpgroup);  // the first group begins
    wait(&m->queries_there, 0);
    wait(&m->keys_there[0], 0);
    begin_scores<kKeys>(score, queries, row, keys(0));
    wait_products<0>();
    settle(score);
    read(&m->keys_read[0]);
    weigh(score, 0, shrink);  // nothing was summed yet: `shrink` has nothing to do
    to_fragments<kKeys>(weights, score);

    for (int i = 1; i < tiles; ++i) {
      const int stage = i % kStages, last = (i - 1) % kStages;
      wait(&m->keys_there[stage], static_cast<unsigned>(i / kStages % 2));
      meet(kTurns + group, kConsumers * kWarpgroup);
      begin_scores<kKeys>(score, queries, row, keys(stage));
      wait(&m->values_there[last], static_cast<unsigned>((i - 1) / kStages % 2));
      begin_products();
      add_weighted<kKeys>(out, weights, values(last));
      end_products();
      if (group == 0 || i + 1 < tiles) announce(kTurns + 1 - group, kConsumers * kWarpgroup);
      wait_products<1>();
      settle(score);
      read(&m->keys_read[stage]);
      weigh(score, i, shrink);
      finish_before_this(m->nowhere + threadIdx.x, rows.total[0] + rows.total[1]);  // beside the products, not behind them
      wait_products<0>();
      settle(out);
      read(&m->values_read[last]);
#pragma unroll
      for (int n = 0; n < E / 2; ++n) out[n] *= shrink[n / 2 % 2];
      to_fragments<kKeys>(weights, score);
    }
    if (tiles == 1 && group == 0) meet(kTurns, kConsumers * kWarpgroup);  // what was announced is taken
    wait(&m->values_there[(tiles - 1) % kStages], static_cast<unsigned>((tiles - 1) / kStages % 2));
    begin_products();
    add_weighted<kKeys>(out, weights, values((tiles - 1) % kStages));
    end_products();
    wait_products<0>();
    settle(out);

    const float sums[2] = {row_sum(rows.total[0]), row_sum(rows.total[1])};
    if (row < count) queries.store(out, 1 / sums[0], 1 / sums[1], row, kStores + group, o, b, t0 + row, h, count - row);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int r = row + warp * 16 + lane / 4 + 8 * i;
      if (lane % 4 == 0 && r < count)
        lse[(static_cast<std::int64_t>(b) * s.H + h) * T + t0 + r] = rows.largest[i] * s.scale + log2f(sums[i]) * kLn2;
    }
  }
}

}  // namespace

void attention_forward_hopper(Context& ctx, const Tensor& o, const Tensor& lse, const Tensor& q, const Tensor& k, const Tensor& v,
                              const Tensor& first_key, double scale) {
  const AttentionShape shape{q.shape[1], k.shape[1], q.shape[2], k.shape[2], q.shape[3], static_cast<float>(scale)};
  const dim3 grid(blocks_for(shape.T, kQueries), static_cast<unsigned>(shape.H), static_cast<unsigned>(q.shape[0]));
  const TileMap q_map = tile_map(q, kQueries), k_map = tile_map(k, kKeys), v_map = tile_map(v, kKeys);
  const auto start = [&](auto kernel, std::size_t shared) {
    launch(kernel, grid, kThreads, shared + kTileAlignment, queue_of(ctx).stream(), view<Bf16>(o), lse.as<float>(), q_map, k_map,
           v_map, first_key.as<int>(), shape);
  };
  if (shape.E == 64) return start(forward_kernel<64>, sizeof(Shared<64>));
  if (shape.E == 128) return start(forward_kernel<128>, sizeof(Shared<128>));
  fail("attention on tensor cores takes heads of 64 or 128, found {}", shape.E);
}

}  // namespace cairn::cuda
