// The ordered form of attention's backward on Hopper (attention_hopper_backward.cu): how blocks of keys sum up dQ, each in its
// turn.
#pragma once

#include "kernels/cuda/attention_view.h"
#include "kernels/cuda/hopper.h"
#include "kernels/cuda/mma.h"
#include "kernels/cuda/turns.h"

namespace cairn::cuda {

inline constexpr int kOwned = 128;     // keys, or queries, of a block
inline constexpr int kQueryTile = 64;  // that pass a block of keys; few, as dK and dV fill the registers
inline constexpr int kConsumers = 2;   // warpgroups

// Where dQ is summed over the blocks of keys, and whose turn it is. In scratch memory.
struct Turns {
  float* sums;  // [B, H, query tiles, warpgroup, E / 16, kWarpgroup, 4]: as the threads hold them
  int* next;    // [B, H, query tiles, warpgroup]: the tile of keys that adds next; from the diagonal down
  int* lowest;  // [B, query tiles]: the last that does
  int* ticket;  // blocks take numbers: who waits waits for one that has begun
  View<Bf16> dq;
};

// A warpgroup adds its half of the columns of dQ, for queries from t0 on, when it is the turn of its tile of keys; the last one
// writes the result.
template <int E>
__device__ void add_in_turn(const float (&dq)[E / 4], const Turns& turns, const AttentionShape& s, int T_padded, int key_tile,
                            int group, int name, int b, int h, int t0) {
  const int thread = static_cast<int>(threadIdx.x) % kWarpgroup, warp = thread / kWarp, lane = thread % kWarp;
  const int tiles = T_padded / kQueryTile, tile = t0 / kQueryTile;
  const std::int64_t place = ((static_cast<std::int64_t>(b) * s.H + h) * tiles + tile) * kConsumers + group;
  const bool first = key_tile == t0 / kOwned, last = key_tile == turns.lowest[b * tiles + tile];
  if (!first) {
    if (thread == 0) wait_for(turns.next + place, key_tile);
    meet(name, kWarpgroup);
  }
  Four* const sums = reinterpret_cast<Four*>(turns.sums) + place * (E / 16) * kWarpgroup + thread;
  if (!last) {
#pragma unroll
    for (int i = 0; i < E / 16; ++i) {
      const Four mine{{dq[4 * i], dq[4 * i + 1], dq[4 * i + 2], dq[4 * i + 3]}};
      if (first) {
        sums[i * kWarpgroup] = mine;
      } else {
        add_four(sums + i * kWarpgroup, mine);
      }
    }
    meet(name, kWarpgroup);
    if (thread == 0) pass_on(turns.next + place, key_tile - 1);
    return;
  }
#pragma unroll
  for (int i = 0; i < E / 16; ++i) {
    const Four before = first ? Four{} : load_four(sums + i * kWarpgroup);
    const int column = group * (E / 2) + i * 8 + lane % 4 * 2;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int t = t0 + warp * 16 + lane / 4 + 8 * half;
      if (t >= s.T) continue;
      *reinterpret_cast<std::uint32_t*>(turns.dq.at(b, t, h) + column) = pack(
          (before.at[2 * half] + dq[4 * i + 2 * half]) * s.scale, (before.at[2 * half + 1] + dq[4 * i + 2 * half + 1]) * s.scale);
    }
  }
}

}  // namespace cairn::cuda
