// Tiles in shared memory as products of warpgroups and the copy engine of Hopper want them: panels of 64 columns, a row of a
// panel 128 bytes, the eight 16-byte pieces of row r in the order piece ^ (r % 8) ("128-byte swizzle"), so that eight rows of one
// column lie in different banks. A tile of E columns is E / 64 panels, one behind the other. Tiles begin at multiples of 1024
// bytes.
//
// Descriptors (PTX ISA, "matrix descriptor"): bits 0-13 the address / 16, 16-29 and 32-45 the leading and the stride offset / 16,
// 62-63 the swizzle (1: 128 bytes).
#pragma once

#include "kernels/cuda/attention_view.h"
#include "kernels/cuda/hopper.h"
#include "kernels/cuda/mma.h"

namespace cairn::cuda {

// What the launch of a kernel asks for beyond the size of its shared memory.
inline constexpr int kTileAlignment = 1024;
// Dynamic shared memory as one struct that begins with tiles.
#define CAIRN_TILE_SHARED(type, name)              \
  CAIRN_DYNAMIC_SHARED(unsigned char, name##_raw); \
  type* const name =                               \
      reinterpret_cast<type*>(name##_raw + (0u - ::cairn::cuda::shared_address(name##_raw)) % ::cairn::cuda::kTileAlignment)

inline constexpr int kPanelRow = 128;  // bytes; 64 bfloat16

__device__ inline std::uint64_t descriptor(unsigned address, unsigned leading, unsigned stride) {
  return static_cast<std::uint64_t>((address & 0x3ffffu) >> 4) | static_cast<std::uint64_t>(leading >> 4) << 16 |
         static_cast<std::uint64_t>(stride >> 4) << 32 | std::uint64_t{1} << 62;
}

template <int kRows, int E>
struct Panels {
  static constexpr int kPanel = kRows * kPanelRow;       // bytes of one
  static constexpr unsigned kBytes = kPanel * (E / 64);  // of the tile
  static constexpr unsigned kEightRows = 8 * kPanelRow;  // the pattern's period
  unsigned char* data;

  // Columns [e, e + 16) of rows from `row` on: the operand whose depth lies along the rows. 8 rows lie kEightRows apart; the
  // leading offset has no meaning in this layout.
  __device__ std::uint64_t along(int row, int e) const {
    return descriptor(shared_address(data) + static_cast<unsigned>(e / 64 * kPanel + row * kPanelRow + e % 64 * 2), 16,
                      kEightRows);
  }
  // Rows [row, row + 16), columns from `column` on: the operand whose depth goes down the rows. 64 columns lie a panel apart.
  __device__ std::uint64_t across(int row, int column = 0) const {
    return descriptor(shared_address(data) + static_cast<unsigned>(column / 64 * kPanel + row * kPanelRow + column % 64 * 2),
                      kPanel, kEightRows);
  }

  __device__ Bf16* at(int row, int column) const {
    const int piece = column % 64 / 8 ^ row % 8;
    return reinterpret_cast<Bf16*>(data + column / 64 * kPanel + row * kPanelRow + piece * 16) + column % 8;
  }

  // Starts the copy of rows from t on. By one thread, which has announced kBytes to the barrier.
  __device__ void fetch(const TileMap& from, Barrier* barrier, int t, int head, int b) const {
#pragma unroll
    for (int panel = 0; panel < E / 64; ++panel) copy_tile(data + panel * kPanel, from, barrier, panel * 64, t, head, b);
  }

  // A warpgroup's accumulators [64 x E] times `low` (rows of the upper half of each warp's 16: `high`), rounded, by way of this
  // tile's rows [row, row + 64), which nobody else uses, to rows t .. t + count - 1 of `to`. `name`: of a meeting of the
  // warpgroup.
  __device__ void store(const float (&c)[E / 2], float low, float high, int row, int name, const View<Bf16>& to, std::int64_t b,
                        std::int64_t t, std::int64_t head, std::int64_t count) const {
    const int thread = static_cast<int>(threadIdx.x) % kWarpgroup, warp = thread / kWarp, lane = thread % kWarp;
#pragma unroll
    for (int n = 0; n < E / 8; ++n) {
      const int r = row + warp * 16 + lane / 4, column = n * 8 + lane % 4 * 2;
      *reinterpret_cast<std::uint32_t*>(at(r, column)) = pack(c[4 * n] * low, c[4 * n + 1] * low);
      *reinterpret_cast<std::uint32_t*>(at(r + 8, column)) = pack(c[4 * n + 2] * high, c[4 * n + 3] * high);
    }
    meet(name, kWarpgroup);
#pragma unroll 4
    for (int i = thread; i < 64 * (E / 8); i += kWarpgroup) {
      const int r = i / (E / 8), column = i % (E / 8) * 8;
      if (r < count)
        *reinterpret_cast<Packed<Bf16>*>(to.at(b, t + r, head) + column) = *reinterpret_cast<Packed<Bf16>*>(at(row + r, column));
    }
  }
};

// c [64 x N] = rows [row, row + 64) of `a` times rows [0, N) of `b` transposed, over E columns. A group of products of its own.
template <int N, int E, int kRowsA, int kRowsB>
__device__ void begin_scores(float (&c)[N / 2], const Panels<kRowsA, E>& a, int row, const Panels<kRowsB, E>& b) {
  begin_products();
#pragma unroll
  for (int e = 0; e < E; e += 16) multiply_shared<N>(c, a.along(row, e), b.along(0, e), e > 0);
  end_products();
}

// sum [64 x E] += p [64 x kDepth] times rows [0, kDepth) of `b`; p as A fragments. Not ended.
template <int kDepth, int E, int kRowsB>
__device__ void add_weighted(float (&sum)[E / 2], const std::uint32_t (&p)[kDepth / 16][4], const Panels<kRowsB, E>& b) {
#pragma unroll
  for (int n = 0; n < kDepth / 16; ++n) multiply_registers<E>(sum, p[n], b.across(n * 16), true);
}

// Accumulators [64 x N] rounded, as A fragments of a product of depth N.
template <int N>
__device__ void to_fragments(std::uint32_t (&p)[N / 16][4], const float (&c)[N / 2]) {
#pragma unroll
  for (int n = 0; n < N / 16; ++n) {
#pragma unroll
    for (int r = 0; r < 4; ++r) p[n][r] = pack(c[8 * n + 2 * r], c[8 * n + 2 * r + 1]);
  }
}

}  // namespace cairn::cuda
