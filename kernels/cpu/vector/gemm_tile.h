// The register tile of the matrix product: a few rows of C times kNv vectors, held in registers over the whole depth.
//
// Each element of C is one chain of fused multiply-adds in ascending k, whatever tile it falls into. That is why results do not
// depend on how M and N are cut.
#pragma once

#include <utility>

#include "kernels/cpu/vector/simd.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

// Where element (row i, depth k) of A lies: columns_first (packed panels, transposed views): a[k * stride + i]; otherwise a[i *
// stride + k].
enum class Layout { columns_first, rows_first };

// C [R rows, cols <= NV * W] = A [R, depth] B [depth, NV * W], or += . B rows are ldb apart and may be read up to NV * W wide.
template <int R, int NV, Layout layout>
__attribute__((noinline)) void tile(std::int64_t depth, const float* __restrict a, std::int64_t stride, const float* __restrict b,
                                    std::int64_t ldb, float* __restrict c, std::int64_t ldc, std::int64_t cols, bool accumulate) {
  Vec sum[R][NV];
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) sum[i][j] = splat(0.0f);
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    Vec row[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) row[j] = load(b + j * W);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const Vec value = splat(layout == Layout::columns_first ? a[i] : a[i * stride]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) sum[i][j] = fma(value, row[j], sum[i][j]);
    }
    b += ldb;
    a += layout == Layout::columns_first ? stride : 1;
  }
  if (cols == NV * W) {
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) {
        float* out = c + i * ldc + j * W;
        store(out, accumulate ? load(out) + sum[i][j] : sum[i][j]);
      }
    }
    return;
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) {
      if (cols <= j * W) continue;
      float* out = c + i * ldc + j * W;
      const Vec before = accumulate ? load_first(out, cols - j * W) : splat(0.0f);
      store_first(out, before + sum[i][j], cols - j * W);
    }
  }
}

using TileFn = void (*)(std::int64_t, const float*, std::int64_t, const float*, std::int64_t, float*, std::int64_t, std::int64_t,
                        bool);

template <int NV, Layout layout, int... R>
CAIRN_INLINE TileFn pick_tile(std::int64_t rows, std::integer_sequence<int, R...>) {
  static constexpr TileFn kTiles[] = {tile<R + 1, NV, layout>...};
  return kTiles[rows - 1];
}
// The tile of 1..kMr rows.
template <int NV, Layout layout>
CAIRN_INLINE TileFn tile_of_rows(std::int64_t rows) {
  return pick_tile<NV, layout>(rows, std::make_integer_sequence<int, kMr>());
}

// C [m, n] = A B (or +=) without packing: for operands that lie in cache and have a convenient layout already.
template <Layout layout>
CAIRN_INLINE void multiply(std::int64_t m, std::int64_t n, std::int64_t depth, const float* a, std::int64_t stride,
                           const float* b, std::int64_t ldb, float* c, std::int64_t ldc, bool accumulate) {
  const std::int64_t tiles = (m + kMr - 1) / kMr, rows_each = (m + tiles - 1) / tiles;  // even heights: no thin last tile
  for (std::int64_t j = 0; j < n; j += kNr) {
    const std::int64_t cols = n - j < kNr ? n - j : kNr;
    for (std::int64_t i = 0; i < m; i += rows_each) {
      const std::int64_t rows = m - i < rows_each ? m - i : rows_each;
      const float* from = layout == Layout::columns_first ? a + i : a + i * stride;
      tile_of_rows<kNv, layout>(rows)(depth, from, stride, b + j, ldb, c + i * ldc + j, ldc, cols, accumulate);
    }
  }
}

// Packs `width` rows of a matrix whose rows are `ld` apart into dst[k * dst_width + row], k < depth: a transposition. Lanes from
// `width` to dst_width become 0. Writes up to W - 1 floats beyond the end.
CAIRN_INLINE void pack_transposed(const float* src, std::int64_t ld, std::int64_t width, std::int64_t depth, float* dst,
                                  std::int64_t dst_width) {
  for (std::int64_t k = 0; k < depth; k += W) {
    const std::int64_t ks = depth - k < W ? depth - k : W;
    // From the last lanes to the first and in ascending k: what a store writes beyond dst_width, a later one overwrites.
    for (std::int64_t first = (dst_width - 1) / W * W; first >= 0; first -= W) {
      Vec rows[W];
#pragma GCC unroll 16
      for (int i = 0; i < W; ++i) {
        const float* from = src + (first + i) * ld + k;
        __builtin_prefetch(from + 8 * W);                  // rows far apart: too many streams for the hardware to follow
        rows[i] = first + i >= width ? splat(0.0f) : ks == W ? load(from) : load_first(from, ks);
      }
      transpose(rows);
      if (ks == W) {
#pragma GCC unroll 16
        for (int i = 0; i < W; ++i) store(dst + (k + i) * dst_width + first, rows[i]);
      } else {
        for (std::int64_t i = 0; i < ks; ++i) store(dst + (k + i) * dst_width + first, rows[i]);
      }
    }
  }
}

// Packs `columns` columns of rows that are `ld` apart into panels of `panel` columns: dst[(column / panel * depth + k) * panel +
// column % panel]. A copy. Columns beyond the end of the last panel become 0. Rows are read along, all panels at once.
CAIRN_INLINE void pack_copied(const float* src, std::int64_t ld, std::int64_t columns, std::int64_t depth, float* dst,
                              std::int64_t panel) {
  const std::int64_t whole = columns / panel * panel;
  for (std::int64_t k = 0; k < depth; ++k) {
    const float* from = src + k * ld;
    for (std::int64_t first = 0; first < columns; first += panel) {
      float* to = dst + first * depth + k * panel;
      const std::int64_t width = first < whole ? panel : columns - first;
      for (std::int64_t i = 0; i < panel; i += W) {
        const Vec v = i + W <= width ? load(from + first + i) : load_first(from + first + i, width - i);
        if (i + W <= panel || k + 1 < depth) {
          store(to + i, v);  // beyond the panel lies its next row, which comes later
        } else {
          store_first(to + i, v, panel - i);
        }
      }
    }
  }
}

}  // namespace
}  // namespace cairn::cpu::CAIRN_ISA
