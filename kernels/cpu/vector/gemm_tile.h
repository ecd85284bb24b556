// The register tile of the matrix product: a few rows of C times kNv vectors, held in registers over the whole depth.
//
// Each element of C is one chain of multiply-adds in ascending k, whatever tile it falls into. That is why results do not depend
// on how M and N are cut.
#pragma once

#include <utility>

#include "kernels/cpu/vector/gemm_kinds.h"
#include "kernels/cpu/vector/gemm_pack.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

// Where the word (row i, depth k) of A lies: columns_first (packed panels, transposed views): a[k * stride + i]; otherwise a[i *
// stride + k].
enum class Layout { columns_first, rows_first };

// C [R rows, cols <= NV * W] = A [R, depth] B [depth, NV * W], or += . Strides and depth count words, of A and B, or numbers, of
// C. B rows are ldb apart and may be read up to NV * W wide.
template <typename Kind, typename Out, int R, int NV, Layout layout>
__attribute__((noinline)) void tile(std::int64_t depth, const float* __restrict a, std::int64_t stride, const float* __restrict b,
                                    std::int64_t ldb, Out* __restrict c, std::int64_t ldc, std::int64_t cols, bool accumulate) {
  Vec sum[R][NV];
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) sum[i][j] = splat(0.0f);
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {  // C is needed when the sums are done, and comes meanwhile
#pragma GCC unroll 4
    for (std::size_t at = 0; at < sizeof(Out) * NV * W; at += 64) {
      __builtin_prefetch(reinterpret_cast<const char*>(c + i * ldc) + at, 1);
    }
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    Vec row[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) row[j] = load(b + j * W);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const Vec value = splat(layout == Layout::columns_first ? a[i] : a[i * stride]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) sum[i][j] = Kind::multiply_add(value, row[j], sum[i][j]);
    }
    b += ldb;
    a += layout == Layout::columns_first ? stride : 1;
  }
  if (cols == NV * W) {
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) {
        Out* out = c + i * ldc + j * W;
        write(out, accumulate ? load(out) + sum[i][j] : sum[i][j], W);
      }
    }
    return;
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) {
      if (cols <= j * W) continue;
      Out* out = c + i * ldc + j * W;
      const Vec before = accumulate ? load_first(out, cols - j * W) : splat(0.0f);
      write(out, before + sum[i][j], cols - j * W);
    }
  }
}

#if defined(CAIRN_BF16_MATRIX)
// The same for numbers four at a time: C in squares of two by two, which BFMMLA adds to; then the rows are put together.
template <typename Out, int R, int NV>
__attribute__((noinline)) void quads_tile(std::int64_t depth, const float* __restrict a, std::int64_t stride,
                                          const float* __restrict b, std::int64_t ldb, Out* __restrict c, std::int64_t ldc,
                                          std::int64_t cols, bool accumulate) {
  constexpr int kRowPairs = (R + 1) / 2, kColumnPairs = NV * W / 2;
  float32x4_t sum[kRowPairs][kColumnPairs];
  for (int i = 0; i < kRowPairs; ++i) {
    for (int j = 0; j < kColumnPairs; ++j) sum[i][j] = splat(0.0f);
  }
  for (std::int64_t k = 0; k < depth; k += 2) {
    bfloat16x8_t columns[kColumnPairs];
#pragma GCC unroll 8
    for (int j = 0; j < kColumnPairs; ++j) columns[j] = vreinterpretq_bf16_f32(load(b + 4 * j));
#pragma GCC unroll 8
    for (int i = 0; i < kRowPairs; ++i) {
      const bfloat16x8_t rows = vreinterpretq_bf16_f32(load(a + 4 * i));
#pragma GCC unroll 8
      for (int j = 0; j < kColumnPairs; ++j) sum[i][j] = vbfmmlaq_f32(sum[i][j], rows, columns[j]);
    }
    a += 2 * stride;
    b += 2 * ldb;
  }
  for (int i = 0; i < R; ++i) {
    float row[NV * W];
    for (int j = 0; j < kColumnPairs; ++j)
      vst1_f32(row + 2 * j, i % 2 == 0 ? vget_low_f32(sum[i / 2][j]) : vget_high_f32(sum[i / 2][j]));
    for (int j = 0; j < NV * W && j < cols; j += W) {
      Out* out = c + i * ldc + j;
      write(out, accumulate ? read(out, cols - j) + load(row + j) : load(row + j), cols - j);
    }
  }
}
#endif

template <typename Out>
using TileFn = void (*)(std::int64_t, const float*, std::int64_t, const float*, std::int64_t, Out*, std::int64_t, std::int64_t,
                        bool);

template <typename Kind, typename Out, int NV, Layout layout, int... R>
CAIRN_INLINE TileFn<Out> pick_tile(std::int64_t rows, std::integer_sequence<int, R...>) {
#if defined(CAIRN_BF16_MATRIX)
  if constexpr (Kind::kTogether == 2) {
    static constexpr TileFn<Out> kTiles[] = {quads_tile<Out, R + 1, NV>...};
    return kTiles[rows - 1];
  } else
#endif
  {
    static constexpr TileFn<Out> kTiles[] = {tile<Kind, Out, R + 1, NV, layout>...};
    return kTiles[rows - 1];
  }
}
// The tile of 1..kMr rows.
template <int NV, Layout layout, typename Kind = Floats, typename Out = float>
CAIRN_INLINE TileFn<Out> tile_of_rows(std::int64_t rows) {
  return pick_tile<Kind, Out, NV, layout>(rows, std::make_integer_sequence<int, kMr>());
}

// C [m, n] = A B (or +=) without packing: for operands that lie in cache and have a convenient layout already.
template <Layout layout, typename Kind = Floats>
CAIRN_INLINE void multiply(std::int64_t m, std::int64_t n, std::int64_t depth, const float* a, std::int64_t stride,
                           const float* b, std::int64_t ldb, float* c, std::int64_t ldc, bool accumulate) {
  const std::int64_t tiles = (m + kMr - 1) / kMr, rows_each = (m + tiles - 1) / tiles;  // even heights: no thin last tile
  for (std::int64_t j = 0; j < n; j += kNr) {
    const std::int64_t cols = n - j < kNr ? n - j : kNr;
    for (std::int64_t i = 0; i < m; i += rows_each) {
      const std::int64_t rows = m - i < rows_each ? m - i : rows_each;
      const float* from = layout == Layout::columns_first ? a + i : a + i * stride;
      tile_of_rows<kNv, layout, Kind>(rows)(depth, from, stride, b + j, ldb, c + i * ldc + j, ldc, cols, accumulate);
    }
  }
}

}  // namespace
}  // namespace cairn::cpu::CAIRN_ISA
