// One block of a matrix product, packed.
//
// Why it is fast: B is packed in slices of kNr columns and as much depth and width as stays in L2; a few panels of kMr rows of A
// are packed beside it; then every multiply-add of the register tile (gemm_tile.h) finds both operands in L1 or streaming from
// L2, and C is touched once per depth slice.
#include "kernels/cpu/vector/gemm.h"

#include "kernels/cpu/vector/gemm_tile.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

constexpr std::int64_t kDepth = 384;               // most of K that is summed in registers; slices are even
constexpr std::int64_t kBlockFloats = 160 * 1024;  // packed B: 640 KB of a 1 MB L2
constexpr std::int64_t kPanels = 8;                // panels of A packed at a time

// Slices of K are a function of K alone: the order of every sum is given by the shape.
std::int64_t slice_depth(std::int64_t k) {
  const std::int64_t slices = (k + kDepth - 1) / kDepth;
  return slices == 0 ? 0 : (k + slices - 1) / slices;
}

std::int64_t block_columns(std::int64_t depth) {
  return kBlockFloats / (depth * kNr) * kNr;
}

void pack_b(const GemmBlock& g, std::int64_t k0, std::int64_t depth, std::int64_t j0, std::int64_t columns, float* packed) {
  if (!g.transposed_b) return pack_copied(g.b + k0 * g.ldb + j0, g.ldb, columns, depth, packed, kNr);
  for (std::int64_t j = 0; j < columns; j += kNr) {
    const std::int64_t width = columns - j < kNr ? columns - j : kNr;
    pack_transposed(g.b + (j0 + j) * g.ldb + k0, g.ldb, width, depth, packed + j * depth, kNr);
  }
}

// Rows [i0, end) of op(A) as panels of kMr rows; the last may be lower, and is packed as low as it is.
void pack_a(const GemmBlock& g, std::int64_t k0, std::int64_t depth, std::int64_t i0, std::int64_t end, float* packed) {
  const std::int64_t whole = (end - i0) / kMr * kMr, rest = end - i0 - whole;
  if (g.transposed_a) {
    pack_copied(g.a + k0 * g.lda + i0, g.lda, whole, depth, packed, kMr);
    if (rest > 0) pack_copied(g.a + k0 * g.lda + i0 + whole, g.lda, rest, depth, packed + whole * depth, rest);
    return;
  }
  for (std::int64_t i = 0; i < whole; i += kMr)
    pack_transposed(g.a + (i0 + i) * g.lda + k0, g.lda, kMr, depth, packed + i * depth, kMr);
  if (rest > 0) pack_transposed(g.a + (i0 + whole) * g.lda + k0, g.lda, rest, depth, packed + whole * depth, rest);
}

}  // namespace

std::int64_t gemm_scratch(std::int64_t k) {
  const std::int64_t depth = slice_depth(k) + 1;
  return kBlockFloats + kNr * depth + kPanels * kMr * depth + 4 * W;
}

void gemm_block(const GemmBlock& g, float* scratch) {
  if (g.m == 0 || g.n == 0) return;
  if (g.k == 0) {
    for (std::int64_t i = 0; i < g.m && !g.accumulate; ++i) {
      for (std::int64_t j = 0; j < g.n; ++j) g.c[i * g.ldc + j] = 0;
    }
    return;
  }
  const std::int64_t most_depth = slice_depth(g.k), most_columns = block_columns(most_depth);
  // Rows of A can be read where they lie, unless they are a multiple of 2 KB apart: then too many share the same sets of L1.
  const bool pack = g.transposed_a || g.lda % 512 == 0;
  float* packed_b = scratch;
  float* packed_a = scratch + (most_columns + kNr) * most_depth + W;
  for (std::int64_t k0 = 0; k0 < g.k; k0 += most_depth) {
    const std::int64_t depth = g.k - k0 < most_depth ? g.k - k0 : most_depth;
    const bool accumulate = g.accumulate || k0 > 0;
    for (std::int64_t j0 = 0; j0 < g.n; j0 += most_columns) {
      const std::int64_t columns = g.n - j0 < most_columns ? g.n - j0 : most_columns;
      pack_b(g, k0, depth, j0, columns, packed_b);
      for (std::int64_t i0 = 0; i0 < g.m; i0 += kPanels * kMr) {
        const std::int64_t end = g.m - i0 < kPanels * kMr ? g.m : i0 + kPanels * kMr;
        if (pack) pack_a(g, k0, depth, i0, end, packed_a);
        for (std::int64_t i = i0; i < end; i += kMr) {
          const std::int64_t rows = end - i < kMr ? end - i : kMr;
          const TileFn run = pack ? tile_of_rows<kNv, Layout::columns_first>(rows) : tile_of_rows<kNv, Layout::rows_first>(rows);
          const float* panel = pack ? packed_a + (i - i0) * depth : g.a + i * g.lda + k0;
          for (std::int64_t j = 0; j < columns; j += kNr) {
            const std::int64_t cols = columns - j < kNr ? columns - j : kNr;
            run(depth, panel, pack ? rows : g.lda, packed_b + j * depth, kNr, g.c + i * g.ldc + j0 + j, g.ldc, cols, accumulate);
          }
        }
      }
    }
  }
}

namespace {

constexpr std::int64_t kDotDepth = 1024;  // of a slice of K: four rows of A stay in L1 beside it

// sum[i][j] += the lanes of a[i] * b[j] over `depth`. The chains go on from slice to slice: the order does not depend on the
// slices.
template <int R, int S>
CAIRN_INLINE void add_dots(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, std::int64_t depth,
                           Vec (&kept)[R][S]) {
  Vec sum[R][S];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < S; ++j) sum[i][j] = kept[i][j];
  }
  const auto step = [&](auto read, std::int64_t at) {
    Vec left[R];
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) left[i] = read(a + i * lda + at);
#pragma GCC unroll 8
    for (int j = 0; j < S; ++j) {
      const Vec right = read(b + j * ldb + at);
#pragma GCC unroll 8
      for (int i = 0; i < R; ++i) sum[i][j] = fma(left[i], right, sum[i][j]);
    }
  };
  std::int64_t at = 0;
  for (; at + W <= depth; at += W) step([](const float* p) { return load(p); }, at);
  if (at < depth) step([&](const float* p) { return load_first(p, depth - at); }, at);
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < S; ++j) kept[i][j] = sum[i][j];
  }
}

template <int R, int S>
CAIRN_INLINE void store_dots(const GemmBlock& g, std::int64_t i0, std::int64_t j0, const Vec (&kept)[R][S]) {
  for (int i = 0; i < R; ++i) {
    for (int j = 0; j < S; ++j) {
      float& out = g.c[(i0 + i) * g.ldc + j0 + j];
      const float total = sum_lanes(kept[i][j]);
      out = g.accumulate ? out + total : total;
    }
  }
}

// All rows of A times S rows of B from row j: these come from memory once.
template <int S>
void dots(const GemmBlock& g, std::int64_t j) {
  constexpr int kGroups = 8;  // of four rows, at a time
  const float* b = g.b + j * g.ldb;
  for (std::int64_t i0 = 0; i0 < g.m; i0 += 4 * kGroups) {
    const std::int64_t rows = g.m - i0 < 4 * kGroups ? g.m - i0 : 4 * kGroups, fours = rows / 4;
    const float* a = g.a + i0 * g.lda;
    Vec four[kGroups][4][S], one[3][1][S];
    for (int group = 0; group < kGroups; ++group) {
      for (int i = 0; i < 4; ++i) {
        for (int s = 0; s < S; ++s) four[group][i][s] = splat(0.0f);
      }
    }
    for (int i = 0; i < 3; ++i) {
      for (int s = 0; s < S; ++s) one[i][0][s] = splat(0.0f);
    }
    for (std::int64_t k = 0; k < g.k; k += kDotDepth) {
      const std::int64_t depth = g.k - k < kDotDepth ? g.k - k : kDotDepth;
      for (std::int64_t group = 0; group < fours; ++group) {
        add_dots<4, S>(a + 4 * group * g.lda + k, g.lda, b + k, g.ldb, depth, four[group]);
      }
      for (std::int64_t i = 4 * fours; i < rows; ++i)
        add_dots<1, S>(a + i * g.lda + k, g.lda, b + k, g.ldb, depth, one[i - 4 * fours]);
    }
    for (std::int64_t group = 0; group < fours; ++group) store_dots<4, S>(g, i0 + 4 * group, j, four[group]);
    for (std::int64_t i = 4 * fours; i < rows; ++i) store_dots<1, S>(g, i0 + i, j, one[i - 4 * fours]);
  }
}

}  // namespace

void gemm_dots(const GemmBlock& g) {
  constexpr int S = kDotColumns;
  std::int64_t j = 0;
  if (g.m == 1) {  // one row: as many streams as the memory likes
    for (; j + 8 <= g.n; j += 8) dots<8>(g, j);
  }
  for (; j + S <= g.n; j += S) dots<S>(g, j);
  for (; j < g.n; ++j) dots<1>(g, j);
}

}  // namespace cairn::cpu::CAIRN_ISA
