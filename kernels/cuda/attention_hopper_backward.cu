// The backward of attention on Hopper's tensor cores (kernels/ops.h): bfloat16, head width 64 or 128, without atomics.
//
// Two forms. In two passes over the scores, as in attention_backward.cu: a block that owns 128 keys adds up dK and dV over the
// queries that see them, in the order of heads and queries; then a block that owns 128 queries adds up dQ over the keys. Seven
// products instead of five, and every sum has one owner and one order (spec/training.md §3.3). Ordered: the blocks of keys
// compute dQ as well, and add it to sums in global memory one after another, from the diagonal down. Which is faster, hardware
// has to say; until then the first is used. All passes are built alike: two warpgroups own 64 rows each, one more thread keeps
// tiles of the other side coming through two stages of shared memory; scores and their gradients stay in registers, in the pass
// over keys transposed, so that they are left operands as they stand. A warpgroup begins the scores of the next tile before it
// waits for the sums of this one; both are waited for together, as ptxas makes products that are under way when a loop comes
// round wait for each other.
//
// What hardware has to confirm: as for attention_hopper_forward.cu.
#include "base/error.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention_turns.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/panels.h"

namespace cairn::cuda {
namespace {

constexpr int kKeyTile = 128;  // that pass a block of queries
constexpr int kStages = 2;
constexpr int kThreads = (1 + kConsumers) * kWarpgroup;
constexpr int kRowWarps = 8;  // of a block of statistics_kernel

// What the passes need of each query, in scratch memory, rows of T_padded, a multiple of kOwned: behind the last query the
// log-sum is infinite, so that all probabilities are 0.
struct Statistics {
  float* log_sums;  // [B, H, T_padded], to base 2
  float* means;     // [B, H, T_padded]: sum over E of dO O, which is sum_j P dP
  int* firsts;      // [B, T_padded]: first_key
  int* reach;       // [B, T_padded / kOwned]: the end of the queries that see a key of a tile
  int T_padded;
};

// A warp a row.
__global__ void statistics_kernel(Statistics to, View<Bf16> d_o, View<Bf16> o, const float* lse, const int* first_key,
                                  AttentionShape s) {
  const int t = static_cast<int>(blockIdx.x) * kRowWarps + static_cast<int>(threadIdx.y);
  const std::int64_t h = blockIdx.y, b = blockIdx.z, at = (b * s.H + h) * to.T_padded + t;
  if (t >= to.T_padded) return;
  float sum = 0;
  if (t < s.T) {
    for (std::int64_t e = threadIdx.x * 2; e < s.E; e += 2 * kWarp) {
      const auto x = *reinterpret_cast<const std::uint32_t*>(d_o.at(b, t, h) + e);
      const auto y = *reinterpret_cast<const std::uint32_t*>(o.at(b, t, h) + e);
      sum += __uint_as_float(x << 16) * __uint_as_float(y << 16) +
             __uint_as_float(x & 0xffff0000u) * __uint_as_float(y & 0xffff0000u);
    }
  }
  sum = warp_sum(sum);
  if (threadIdx.x != 0) return;
  to.means[at] = sum;
  to.log_sums[at] = t < s.T ? lse[(b * s.H + h) * s.T + t] * kLog2e : INFINITY;
  if (h == 0) to.firsts[b * to.T_padded + t] = t < s.T ? first_key[b * s.T + t] : 0x7fffffff;
}

// A block of one warp a tile of keys.
__global__ void reach_kernel(Statistics to, const int* first_key, AttentionShape s) {
  const int tile = static_cast<int>(blockIdx.x), T = static_cast<int>(s.T);
  const std::int64_t b = blockIdx.y;
  int end = 0;
  for (int t = tile * kOwned + static_cast<int>(threadIdx.x); t < T; t += kWarp) {
    if (first_key[b * T + t] < (tile + 1) * kOwned) end = t + 1;
  }
  end = warp_max(end);
  if (threadIdx.x == 0) to.reach[b * (to.T_padded / kOwned) + tile] = end;
}

struct BackwardMaps {
  TileMap q, k, v, d_o;
};

template <int E, int kPassing>
struct Stage {
  unsigned char one[kPassing * E * 2], other[kPassing * E * 2];  // queries and dO, or keys and values
};

// The passing side's tiles of kPassing rows.
template <int E, int kPassing, typename Extra>
struct Shared {
  unsigned char one[kOwned * E * 2], other[kOwned * E * 2];  // keys and values, or queries and dO
  Stage<E, kPassing> stages[kStages];
  Extra extra;
  Barrier owned_there, one_there[kStages], other_there[kStages], read[kStages];

  __device__ void init() {
    if (threadIdx.x != 0) return;
    init_barrier(&owned_there, 1);
    for (int stage = 0; stage < kStages; ++stage) {
      init_barrier(&one_there[stage], 1);
      init_barrier(&other_there[stage], 1);
      init_barrier(&read[stage], kConsumers * kWarpgroup / kWarp);
    }
    publish_barriers();
  }
};

template <bool kOrdered>
struct OfQueries {  // what passes a block of keys beside queries and dO
  // dS of the block's keys, one row each, which both warpgroups read; twice, so that one meeting a step is enough.
  unsigned char ds[kStages][kOrdered ? kOwned * kPanelRow : 1024];
  alignas(16) float log_sums[kStages][kQueryTile];
  alignas(16) float means[kStages][kQueryTile];
  alignas(16) int firsts[kStages][kQueryTile];
};
struct OwnQueries {
  int firsts[kOwned];
};

__global__ void turns_kernel(Turns turns, Statistics from, AttentionShape s) {
  const int tile = static_cast<int>(blockIdx.x), tiles = static_cast<int>(gridDim.x), b = static_cast<int>(blockIdx.y);
  const int key_tiles = from.T_padded / kOwned, diagonal = tile * kQueryTile / kOwned;
  int before = 0;  // tiles of keys that no query from here on sees
  for (int j = static_cast<int>(threadIdx.x); j < key_tiles; j += kWarp)
    before += from.reach[static_cast<std::int64_t>(b) * key_tiles + j] <= tile * kQueryTile ? 1 : 0;
  before = warp_sum(before);
  for (int i = static_cast<int>(threadIdx.x); i < s.H * kConsumers; i += kWarp)
    turns.next[((static_cast<std::int64_t>(b) * s.H + i / kConsumers) * tiles + tile) * kConsumers + i % kConsumers] = diagonal;
  if (threadIdx.x != 0) return;
  turns.lowest[b * tiles + tile] = before;
  if (tile == 0 && b == 0) *turns.ticket = 0;
}

// Keys down, queries across. Ordered: blocks also compute their part of dQ.
template <int E, bool kOrdered>
__global__ void __launch_bounds__(kThreads, 1)
    keys_kernel(View<Bf16> dk_to, View<Bf16> dv_to, const __grid_constant__ BackwardMaps maps, Statistics from, AttentionShape s,
                Turns turns) {
  if constexpr (kHopper) {
    using Memory = Shared<E, kQueryTile, OfQueries<kOrdered>>;
    CAIRN_TILE_SHARED(Memory, m);
    const int warpgroup = static_cast<int>(threadIdx.x) / kWarpgroup, thread = static_cast<int>(threadIdx.x) % kWarpgroup;
    int key_tile = static_cast<int>(blockIdx.x), kv = static_cast<int>(blockIdx.y), b = static_cast<int>(blockIdx.z);
    if constexpr (kOrdered) {
      // The last keys, which fewest queries see, first: when blocks begin together, each comes to a tile of queries two steps
      // after the one before it in turn, and nobody waits (the shortest first, as in FlashAttention).
      __shared__ int taken;
      if (threadIdx.x == 0) taken = atomicAdd(turns.ticket, 1);
      __syncthreads();
      const int blocks = static_cast<int>(gridDim.x), heads_of_keys = static_cast<int>(gridDim.y);
      key_tile = blocks - 1 - taken % blocks;
      kv = taken / blocks % heads_of_keys;
      b = taken / blocks / heads_of_keys;
    }
    const int j0 = key_tile * kOwned;
    const int heads = static_cast<int>(s.H / s.K), T = static_cast<int>(s.T), count = T - j0 < kOwned ? T - j0 : kOwned;
    const int reach = from.reach[static_cast<std::int64_t>(b) * (from.T_padded / kOwned) + key_tile];
    const int tiles = (reach - j0 + kQueryTile - 1) / kQueryTile, steps = tiles * heads;  // key j0 is seen by query j0 at least
    m->init();
    __syncthreads();
    const Panels<kOwned, E> keys{m->one}, values{m->other};
    const auto queries = [&](int stage) { return Panels<kQueryTile, E>{m->stages[stage].one}; };
    const auto gradients = [&](int stage) { return Panels<kQueryTile, E>{m->stages[stage].other}; };

    if (warpgroup == 0) {
      give_back_registers<24>();
      if (thread != 0) return;
      arrive_expecting(&m->owned_there, 2 * Panels<kOwned, E>::kBytes);
      keys.fetch(maps.k, &m->owned_there, j0, kv, b);
      values.fetch(maps.v, &m->owned_there, j0, kv, b);
      for (int i = 0; i < steps; ++i) {
        const int stage = i % kStages, h = kv * heads + i / tiles, t0 = j0 + i % tiles * kQueryTile;
        const std::int64_t row = (static_cast<std::int64_t>(b) * s.H + h) * from.T_padded + t0;
        wait(&m->read[stage], static_cast<unsigned>(i / kStages % 2) ^ 1u);
        constexpr unsigned kNumbers = kQueryTile * 4;
        arrive_expecting(&m->one_there[stage], Panels<kQueryTile, E>::kBytes + 3 * kNumbers);
        queries(stage).fetch(maps.q, &m->one_there[stage], t0, h, b);
        copy_bytes(m->extra.log_sums[stage], from.log_sums + row, kNumbers, &m->one_there[stage]);
        copy_bytes(m->extra.means[stage], from.means + row, kNumbers, &m->one_there[stage]);
        copy_bytes(m->extra.firsts[stage], from.firsts + static_cast<std::int64_t>(b) * from.T_padded + t0, kNumbers,
                   &m->one_there[stage]);
        arrive_expecting(&m->other_there[stage], Panels<kQueryTile, E>::kBytes);
        gradients(stage).fetch(maps.d_o, &m->other_there[stage], t0, h, b);
      }
      return;
    }

    take_registers<240>();
    const int group = warpgroup - 1, warp = thread / kWarp, lane = thread % kWarp, row = group * 64;
    const float factor = s.scale * kLog2e;
    float dk[E / 2] = {}, dv[E / 2] = {}, p[kQueryTile / 2], ds[kQueryTile / 2];
    std::uint32_t left[kQueryTile / 16][4], left_ds[kQueryTile / 16][4];
    [[maybe_unused]] float dq[E / 4];
    constexpr int kExchange = 1 + kConsumers;  // name of a meeting; before it, one for each warpgroup
    // Whether scores are begun a tile ahead: not where dQ takes the registers.
    constexpr bool kAhead = !kOrdered || E < 128;
    wait(&m->owned_there, 0);
    if constexpr (kAhead) {
      wait(&m->one_there[0], 0);
      begin_scores<kQueryTile>(p, keys, row, queries(0));
      wait_products<0>();
      settle(p);
    }
    const auto add_tile = [&](int i) {
      const int stage = i % kStages, t0 = j0 + i % tiles * kQueryTile;
      const unsigned parity = static_cast<unsigned>(i / kStages % 2);
      if constexpr (!kAhead) {
        wait(&m->one_there[stage], parity);
        begin_scores<kQueryTile>(p, keys, row, queries(stage));
      }
      wait(&m->other_there[stage], parity);
      begin_scores<kQueryTile>(ds, values, row, gradients(stage));  // runs beside the exponentials
      if constexpr (!kAhead) {
        wait_products<1>();
        settle(p);
      }
#pragma unroll
      for (int n = 0; n < kQueryTile / 8; ++n) {
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          const int column = n * 8 + lane % 4 * 2 + c, t = t0 + column, first = m->extra.firsts[stage][column];
          const float log_sum = m->extra.log_sums[stage][column];
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            float& score = p[4 * n + 2 * half + c];
            const int j = j0 + row + warp * 16 + lane / 4 + 8 * half;
            const float probability = exp2_fast(score * factor - log_sum);
            score = j >= first && j <= t ? probability : 0.0f;
          }
        }
      }
      to_fragments<kQueryTile>(left, p);
      wait_products<0>();
      settle(ds);
#pragma unroll
      for (int n = 0; n < kQueryTile / 8; ++n) {
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          const float mean = m->extra.means[stage][n * 8 + lane % 4 * 2 + c];
          ds[4 * n + c] = p[4 * n + c] * (ds[4 * n + c] - mean);
          ds[4 * n + 2 + c] = p[4 * n + 2 + c] * (ds[4 * n + 2 + c] - mean);
        }
      }
      to_fragments<kQueryTile>(left_ds, ds);
      const Panels<kOwned, kQueryTile> exchanged{m->extra.ds[stage]};
      if constexpr (kOrdered) {
#pragma unroll
        for (int n = 0; n < kQueryTile / 16; ++n) {
#pragma unroll
          for (int r = 0; r < 4; ++r) {
            const int key = row + warp * 16 + lane / 4 + r % 2 * 8, query = n * 16 + lane % 4 * 2 + r / 2 * 8;
            *reinterpret_cast<std::uint32_t*>(exchanged.at(key, query)) = left_ds[n][r];
          }
        }
        show_to_products();
        meet(kExchange, kConsumers * kWarpgroup);
      }
      begin_products();
      add_weighted<kQueryTile>(dv, left, gradients(stage));
      add_weighted<kQueryTile>(dk, left_ds, queries(stage));
      if constexpr (kOrdered) {
#pragma unroll
        for (int j = 0; j < kOwned; j += 16)
          multiply_turned<E / 2>(dq, exchanged.across(j), keys.across(j, group * (E / 2)), j > 0);
      }
      end_products();
    };
    const auto finish_tile = [&](int i) {
      if constexpr (kOrdered) {
        settle(dq);
        add_in_turn<E>(dq, turns, s, from.T_padded, key_tile, group, 1 + group, b, kv * heads + i / tiles,
                       j0 + i % tiles * kQueryTile);
      }
    };
    for (int i = 0; i + 1 < steps; ++i) {
      add_tile(i);
      if constexpr (kAhead) {
        const int next = (i + 1) % kStages;
        wait(&m->one_there[next], static_cast<unsigned>((i + 1) / kStages % 2));
        begin_scores<kQueryTile>(p, keys, row, queries(next));
      }
      wait_products<0>();
      if constexpr (kAhead) settle(p);
      settle(dv);
      settle(dk);
      if (lane == 0) arrive(&m->read[i % kStages]);
      finish_tile(i);
    }
    add_tile(steps - 1);
    wait_products<0>();
    settle(dv);
    settle(dk);
    finish_tile(steps - 1);
    if constexpr (kOrdered) meet(kExchange, kConsumers * kWarpgroup);  // nobody reads the keys any more
    if (row < count) {  // each warpgroup's rows of keys and values are read by nobody any more
      keys.store(dk, s.scale, s.scale, row, 1 + group, dk_to, b, j0 + row, kv, count - row);
      values.store(dv, 1, 1, row, 1 + group, dv_to, b, j0 + row, kv, count - row);
    }
  }
}

// Queries down, keys across.
template <int E>
__global__ void __launch_bounds__(kThreads, 1)
    dq_kernel(View<Bf16> dq_to, const __grid_constant__ BackwardMaps maps, Statistics from, AttentionShape s) {
  if constexpr (kHopper) {
    using Memory = Shared<E, kKeyTile, OwnQueries>;
    CAIRN_TILE_SHARED(Memory, m);
    const int warpgroup = static_cast<int>(threadIdx.x) / kWarpgroup, thread = static_cast<int>(threadIdx.x) % kWarpgroup;
    const int t0 = static_cast<int>(gridDim.x - 1 - blockIdx.x) * kOwned, h = static_cast<int>(blockIdx.y),
              b = static_cast<int>(blockIdx.z), kv = h / static_cast<int>(s.H / s.K), T = static_cast<int>(s.T);
    const int count = T - t0 < kOwned ? T - t0 : kOwned;
    m->init();
    for (int i = static_cast<int>(threadIdx.x); i < kOwned; i += kThreads)
      m->extra.firsts[i] = from.firsts[static_cast<std::int64_t>(b) * from.T_padded + t0 + i];
    __syncthreads();
    const KeyRange first_keys = range_of<kOwned>(m->extra.firsts, count);
    const int begin = first_keys.lowest / kKeyTile, tiles = (t0 + count + kKeyTile - 1) / kKeyTile - begin;
    const Panels<kOwned, E> queries{m->one}, gradients{m->other};
    const auto keys = [&](int stage) { return Panels<kKeyTile, E>{m->stages[stage].one}; };
    const auto values = [&](int stage) { return Panels<kKeyTile, E>{m->stages[stage].other}; };

    if (warpgroup == 0) {
      give_back_registers<24>();
      if (thread != 0) return;
      arrive_expecting(&m->owned_there, 2 * Panels<kOwned, E>::kBytes);
      queries.fetch(maps.q, &m->owned_there, t0, h, b);
      gradients.fetch(maps.d_o, &m->owned_there, t0, h, b);
      for (int i = 0; i < tiles; ++i) {
        const int stage = i % kStages;
        wait(&m->read[stage], static_cast<unsigned>(i / kStages % 2) ^ 1u);
        arrive_expecting(&m->one_there[stage], Panels<kKeyTile, E>::kBytes);
        keys(stage).fetch(maps.k, &m->one_there[stage], (begin + i) * kKeyTile, kv, b);
        arrive_expecting(&m->other_there[stage], Panels<kKeyTile, E>::kBytes);
        values(stage).fetch(maps.v, &m->other_there[stage], (begin + i) * kKeyTile, kv, b);
      }
      return;
    }

    take_registers<240>();
    const int group = warpgroup - 1, warp = thread / kWarp, lane = thread % kWarp, row = group * 64;
    const float factor = s.scale * kLog2e;
    int first[2];
    float log_sum[2], mean[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int r = row + warp * 16 + lane / 4 + 8 * half;
      const std::int64_t at = (static_cast<std::int64_t>(b) * s.H + h) * from.T_padded + t0 + r;
      first[half] = m->extra.firsts[r];
      log_sum[half] = from.log_sums[at];
      mean[half] = from.means[at];
    }
    float dq[E / 2] = {}, p[kKeyTile / 2], ds[kKeyTile / 2];
    std::uint32_t left[kKeyTile / 16][4];
    wait(&m->owned_there, 0);
    wait(&m->one_there[0], 0);
    begin_scores<kKeyTile>(p, queries, row, keys(0));
    wait_products<0>();
    settle(p);
    const auto add_tile = [&](int i) {
      const int stage = i % kStages, j0 = (begin + i) * kKeyTile;
      const unsigned parity = static_cast<unsigned>(i / kStages % 2);
      wait(&m->other_there[stage], parity);
      begin_scores<kKeyTile>(ds, gradients, row, values(stage));  // runs beside the exponentials
      const bool partly = j0 < first_keys.highest || j0 + kKeyTile - 1 > t0;
#pragma unroll
      for (int n = 0; n < kKeyTile / 8; ++n) {
#pragma unroll
        for (int c = 0; c < 4; ++c) p[4 * n + c] = exp2_fast(p[4 * n + c] * factor - log_sum[c / 2]);
      }
      if (partly) {
#pragma unroll
        for (int n = 0; n < kKeyTile / 8; ++n) {
#pragma unroll
          for (int c = 0; c < 4; ++c) {
            const int j = j0 + n * 8 + lane % 4 * 2 + c % 2, t = t0 + row + warp * 16 + lane / 4 + c / 2 * 8;
            if (j < first[c / 2] || j > t) p[4 * n + c] = 0;
          }
        }
      }
      wait_products<0>();
      settle(ds);
#pragma unroll
      for (int c = 0; c < kKeyTile / 2; ++c) ds[c] = p[c] * (ds[c] - mean[c / 2 % 2]);
      to_fragments<kKeyTile>(left, ds);
      begin_products();
      add_weighted<kKeyTile>(dq, left, keys(stage));
      end_products();
    };
    for (int i = 0; i + 1 < tiles; ++i) {
      add_tile(i);
      const int next = (i + 1) % kStages;
      wait(&m->one_there[next], static_cast<unsigned>((i + 1) / kStages % 2));
      begin_scores<kKeyTile>(p, queries, row, keys(next));
      wait_products<0>();
      settle(p);
      settle(dq);
      if (lane == 0) arrive(&m->read[i % kStages]);
    }
    add_tile(tiles - 1);
    wait_products<0>();
    settle(dq);
    if (row < count) queries.store(dq, s.scale, s.scale, row, 1 + group, dq_to, b, t0 + row, h, count - row);
  }
}

// Both forms: dQ by a pass of its own, or in turn.
template <int E, bool kOrdered>
void backward(Context& ctx, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o, const Tensor& q,
              const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& first_key, double scale) {
  const Queue& queue = queue_of(ctx);
  const AttentionShape shape{q.shape[1], k.shape[1], q.shape[2], k.shape[2], q.shape[3], static_cast<float>(scale)};
  const std::int64_t B = q.shape[0], tiles = (shape.T + kOwned - 1) / kOwned, T_padded = tiles * kOwned;
  const std::int64_t rows = B * shape.H * T_padded, query_tiles = T_padded / kQueryTile;
  const std::int64_t of_sums = kOrdered ? rows * E : 0,
                     of_turns = kOrdered ? (B * shape.H * kConsumers + B) * query_tiles + 1 : 0;
  float* sums = queue.scratch<float>(of_sums + 2 * rows + B * T_padded + B * tiles + of_turns);
  float* numbers = sums + of_sums;
  int* firsts = reinterpret_cast<int*>(numbers + 2 * rows);
  const Statistics statistics{numbers, numbers + rows, firsts, firsts + B * T_padded, static_cast<int>(T_padded)};
  int* next = statistics.reach + B * tiles;
  int* lowest = next + B * shape.H * query_tiles * kConsumers;
  const Turns turns{sums, next, lowest, lowest + B * query_tiles, view<Bf16>(dq)};

  const auto H = static_cast<unsigned>(shape.H), K = static_cast<unsigned>(shape.K), batch = static_cast<unsigned>(B);
  const auto blocks = static_cast<unsigned>(tiles);
  launch(statistics_kernel, dim3(blocks_for(T_padded, kRowWarps), H, batch), dim3(kWarp, kRowWarps), 0, queue.stream(),
         statistics, view<Bf16>(d_o), view<Bf16>(o), lse.as<float>(), first_key.as<int>(), shape);
  launch(reach_kernel, dim3(blocks, batch), kWarp, 0, queue.stream(), statistics, first_key.as<int>(), shape);
  if (kOrdered)
    launch(turns_kernel, dim3(static_cast<unsigned>(query_tiles), batch), kWarp, 0, queue.stream(), turns, statistics, shape);
  const BackwardMaps to_keys{tile_map(q, kQueryTile), tile_map(k, kOwned), tile_map(v, kOwned), tile_map(d_o, kQueryTile)};
  launch(keys_kernel<E, kOrdered>, dim3(blocks, K, batch), kThreads,
         sizeof(Shared<E, kQueryTile, OfQueries<kOrdered>>) + kTileAlignment, queue.stream(), view<Bf16>(dk), view<Bf16>(dv),
         to_keys, statistics, shape, turns);
  if (kOrdered) return;
  const BackwardMaps to_queries{tile_map(q, kOwned), tile_map(k, kKeyTile), tile_map(v, kKeyTile), tile_map(d_o, kOwned)};
  launch(dq_kernel<E>, dim3(blocks, H, batch), kThreads, sizeof(Shared<E, kKeyTile, OwnQueries>) + kTileAlignment, queue.stream(),
         view<Bf16>(dq), to_queries, statistics, shape);
}

}  // namespace

void attention_backward_hopper(Context& ctx, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o,
                               const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse,
                               const Tensor& first_key, double scale) {
  const auto run = q.shape[3] == 64 ? backward<64, false> : backward<128, false>;
  run(ctx, dq, dk, dv, d_o, q, k, v, o, lse, first_key, scale);
}

void attention_backward_hopper_ordered(Context& ctx, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o,
                                       const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse,
                                       const Tensor& first_key, double scale) {
  const auto run = q.shape[3] == 64 ? backward<64, true> : backward<128, true>;
  run(ctx, dq, dk, dv, d_o, q, k, v, o, lse, first_key, scale);
}

}  // namespace cairn::cuda
