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
  for (std::int64_t j = 0; j < columns; j += kNr) {
    const std::int64_t width = columns - j < kNr ? columns - j : kNr;
    if (g.transposed_b) {
      pack_transposed(g.b + (j0 + j) * g.ldb + k0, g.ldb, width, depth, packed + j * depth, kNr);
    } else {
      pack_copied(g.b + k0 * g.ldb + j0 + j, g.ldb, width, depth, packed + j * depth, kNr);
    }
  }
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
        for (std::int64_t i = i0; i < end; i += kMr) {
          const std::int64_t rows = end - i < kMr ? end - i : kMr;
          float* panel = packed_a + (i - i0) * depth;
          if (g.transposed_a) {
            pack_copied(g.a + k0 * g.lda + i, g.lda, rows, depth, panel, rows);
          } else {
            pack_transposed(g.a + i * g.lda + k0, g.lda, rows, depth, panel, rows);
          }
        }
        for (std::int64_t i = i0; i < end; i += kMr) {
          const std::int64_t rows = end - i < kMr ? end - i : kMr;
          const TileFn run = tile_of_rows<kNv, Layout::columns_first>(rows);
          for (std::int64_t j = 0; j < columns; j += kNr) {
            const std::int64_t cols = columns - j < kNr ? columns - j : kNr;
            run(depth, packed_a + (i - i0) * depth, rows, packed_b + j * depth, kNr, g.c + i * g.ldc + j0 + j, g.ldc, cols,
                accumulate);
          }
        }
      }
    }
  }
}

// R rows of A times S rows of B, as dot products along K: B streams from memory once, A stays in cache.
template <int R, int S>
static void dots(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, std::int64_t k, float* c, std::int64_t ldc,
                 bool accumulate) {
  Vec sum[R][S];
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < S; ++j) sum[i][j] = splat(0.0f);
  }
  const auto step = [&](auto read, std::int64_t at) {
    Vec left[R];
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) left[i] = read(a + i * lda + at);
#pragma GCC unroll 16
    for (int j = 0; j < S; ++j) {
      const Vec right = read(b + j * ldb + at);
#pragma GCC unroll 16
      for (int i = 0; i < R; ++i) sum[i][j] = fma(left[i], right, sum[i][j]);
    }
  };
  std::int64_t at = 0;
  for (; at + W <= k; at += W) step([](const float* p) { return load(p); }, at);
  if (at < k) step([&](const float* p) { return load_first(p, k - at); }, at);
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < S; ++j) {
      const float total = sum_lanes(sum[i][j]);
      c[i * ldc + j] = accumulate ? c[i * ldc + j] + total : total;
    }
  }
}

template <int R>
static void dots_rows(const GemmBlock& g, std::int64_t i) {
  constexpr int S = R == 1 ? 8 : R == 2 ? 6 : 4;
  std::int64_t j = 0;
  for (; j + S <= g.n; j += S)
    dots<R, S>(g.a + i * g.lda, g.lda, g.b + j * g.ldb, g.ldb, g.k, g.c + i * g.ldc + j, g.ldc, g.accumulate);
  for (; j < g.n; ++j) dots<R, 1>(g.a + i * g.lda, g.lda, g.b + j * g.ldb, g.ldb, g.k, g.c + i * g.ldc + j, g.ldc, g.accumulate);
}

void gemm_dots(const GemmBlock& g) {
  std::int64_t i = 0;
  for (; i + 4 <= g.m; i += 4) dots_rows<4>(g, i);
  switch (g.m - i) {
    case 3:
      return dots_rows<3>(g, i);
    case 2:
      return dots_rows<2>(g, i);
    case 1:
      return dots_rows<1>(g, i);
    default:
      return;
  }
}

}  // namespace cairn::cpu::CAIRN_ISA
