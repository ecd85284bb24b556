// Products of few rows: every element a dot product, so that B, the weights, is read once and where it lies.
#include "kernels/cpu/vector/gemm.h"
#include "kernels/cpu/vector/gemm_kinds.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

// sum[i][j] += the lanes of a[i] * b[j] over `depth` numbers. The chains go on from slice to slice: the order does not depend on
// the slices.
template <typename Kind, int R, int S>
CAIRN_INLINE void add_dots(const typename Kind::Number* a, std::int64_t lda, const typename Kind::Number* b, std::int64_t ldb,
                           std::int64_t depth, Vec (&kept)[R][S]) {
  constexpr std::int64_t kStep = W * Kind::kNumbers;
  Vec sum[R][S];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < S; ++j) sum[i][j] = kept[i][j];
  }
  const auto step = [&](std::int64_t at, std::int64_t numbers) {
    Vec left[R];
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) left[i] = Kind::along(a + i * lda + at, numbers);
#pragma GCC unroll 8
    for (int j = 0; j < S; ++j) {
      const Vec right = Kind::along(b + j * ldb + at, numbers);
#pragma GCC unroll 8
      for (int i = 0; i < R; ++i) sum[i][j] = Kind::multiply_add(left[i], right, sum[i][j]);
    }
  };
  std::int64_t at = 0;
  for (; at + kStep <= depth; at += kStep) step(at, kStep);
  if (at < depth) step(at, depth - at);
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < S; ++j) kept[i][j] = sum[i][j];
  }
}

template <typename Out, int R, int S>
CAIRN_INLINE void store_dots(const GemmBlock& g, std::int64_t i0, std::int64_t j0, const Vec (&kept)[R][S]) {
  for (int i = 0; i < R; ++i) {
    for (int j = 0; j < S; ++j) {
      Out& out = static_cast<Out*>(g.c)[(i0 + i) * g.ldc + j0 + j];
      const float total = sum_lanes(kept[i][j]);
      out = Out(g.accumulate ? out + total : total);
    }
  }
}

// All rows of A times S rows of B from row j: these come from memory once.
template <typename Kind, typename Out, int S>
void dots(const GemmBlock& g, std::int64_t j) {
  constexpr int kGroups = 8;                              // of four rows, at a time
  constexpr std::int64_t kDepth = 1024 * Kind::kNumbers;  // of a slice of K: four rows of A stay in L1 beside it
  const auto* b = static_cast<const typename Kind::Number*>(g.b) + j * g.ldb;
  for (std::int64_t i0 = 0; i0 < g.m; i0 += 4 * kGroups) {
    const std::int64_t rows = g.m - i0 < 4 * kGroups ? g.m - i0 : 4 * kGroups, fours = rows / 4;
    const auto* a = static_cast<const typename Kind::Number*>(g.a) + i0 * g.lda;
    Vec four[kGroups][4][S], one[3][1][S];
    for (int group = 0; group < kGroups; ++group) {
      for (int i = 0; i < 4; ++i) {
        for (int s = 0; s < S; ++s) four[group][i][s] = splat(0.0f);
      }
    }
    for (int i = 0; i < 3; ++i) {
      for (int s = 0; s < S; ++s) one[i][0][s] = splat(0.0f);
    }
    for (std::int64_t k = 0; k < g.k; k += kDepth) {
      const std::int64_t depth = g.k - k < kDepth ? g.k - k : kDepth;
      for (std::int64_t group = 0; group < fours; ++group) {
        add_dots<Kind, 4, S>(a + 4 * group * g.lda + k, g.lda, b + k, g.ldb, depth, four[group]);
      }
      for (std::int64_t i = 4 * fours; i < rows; ++i) {
        add_dots<Kind, 1, S>(a + i * g.lda + k, g.lda, b + k, g.ldb, depth, one[i - 4 * fours]);
      }
    }
    for (std::int64_t group = 0; group < fours; ++group) store_dots<Out, 4, S>(g, i0 + 4 * group, j, four[group]);
    for (std::int64_t i = 4 * fours; i < rows; ++i) store_dots<Out, 1, S>(g, i0 + i, j, one[i - 4 * fours]);
  }
}

template <typename Kind, typename Out>
void all_dots(const GemmBlock& g) {
  constexpr int S = kDotColumns;
  std::int64_t j = 0;
  if (g.m == 1) {  // one row: as many streams as the memory likes
    for (; j + 8 <= g.n; j += 8) dots<Kind, Out, 8>(g, j);
  }
  for (; j + S <= g.n; j += S) dots<Kind, Out, S>(g, j);
  for (; j < g.n; ++j) dots<Kind, Out, 1>(g, j);
}

}  // namespace

void gemm_dots(const GemmBlock& g) {
  if (!g.bf16) return all_dots<Floats, float>(g);
  return g.bf16_c ? all_dots<NarrowDots, Bf16>(g) : all_dots<NarrowDots, float>(g);
}

}  // namespace cairn::cpu::CAIRN_ISA
