// Packing: the numbers of an operand as panels of words (gemm_kinds.h), [depth][width] each.
#pragma once

#include "kernels/cpu/vector/gemm_kinds.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

template <typename Kind>
CAIRN_INLINE std::int64_t words_of(std::int64_t numbers) {
  constexpr std::int64_t kTogether = Kind::kNumbers * Kind::kTogether;
  return (numbers + kTogether - 1) / kTogether * Kind::kTogether;
}

// Packs `width` rows of a matrix, `ld` apart, into dst[k * dst_width + row], for `depth` numbers along the rows: a transposition
// of words. Lanes from `width` to dst_width become 0. Writes up to W - 1 words beyond the end.
template <typename Kind = Floats>
requires(Kind::kTogether == 1) CAIRN_INLINE
    void pack_transposed(const typename Kind::Number* src, std::int64_t ld, std::int64_t width, std::int64_t depth, float* dst,
                         std::int64_t dst_width) {
  const std::int64_t words = words_of<Kind>(depth);
  for (std::int64_t k = 0; k < words; k += W) {
    const std::int64_t some = words - k < W ? words - k : W, left = depth - k * Kind::kNumbers;
    // From the last lanes to the first and in ascending k: what a store writes beyond dst_width, a later one overwrites.
    for (std::int64_t first = (dst_width - 1) / W * W; first >= 0; first -= W) {
      Vec rows[W];
#pragma GCC unroll 16
      for (int i = 0; i < W; ++i) {
        const typename Kind::Number* from = src + (first + i) * ld + k * Kind::kNumbers;
        __builtin_prefetch(from + 8 * W * Kind::kNumbers);  // rows far apart: too many streams for the hardware to follow
        rows[i] = first + i >= width ? splat(0.0f) : Kind::along(from, left);
      }
      transpose(rows);
      if (some == W) {
#pragma GCC unroll 16
        for (int i = 0; i < W; ++i) store(dst + (k + i) * dst_width + first, rows[i]);
      } else {
        for (std::int64_t i = 0; i < some; ++i) store(dst + (k + i) * dst_width + first, rows[i]);
      }
    }
  }
}

// Packs `columns` columns of `depth` rows that are `ld` apart into panels of `kWidth` columns, kStride words apart (a multiple of
// W): dst[(column / kWidth * words + k) * kStride + column % kWidth]. Lanes beyond the columns of a panel hold anything that is a
// column, or 0. Rows are read along, all panels at once.
template <typename Kind, std::int64_t kWidth, std::int64_t kStride>
requires(Kind::kTogether == 1) CAIRN_INLINE
    void pack_copied(const typename Kind::Number* src, std::int64_t ld, std::int64_t columns, std::int64_t depth, float* dst) {
  static_assert(kStride % W == 0 && kWidth <= kStride);
  const std::int64_t words = words_of<Kind>(depth);
  for (std::int64_t k = 0; k < words; ++k) {
    const typename Kind::Number* from = src + k * Kind::kNumbers * ld;
    const std::int64_t rows = depth - k * Kind::kNumbers;
    float* to = dst + k * kStride;
    for (std::int64_t first = 0; first < columns; first += kWidth, to += words * kStride) {
#pragma GCC unroll 4
      for (std::int64_t i = 0; i < kStride; i += W) {
        const std::int64_t left = columns - first - i;
        store(to + i, left > 0 ? Kind::across(from + first + i, ld, rows, left) : splat(0.0f));
      }
    }
  }
}

// Packs `columns` columns of `depth` rows that are `ld` apart into one panel: dst[k * width + column]. Lanes from `columns` to
// `width` become 0.
template <typename Kind>
CAIRN_INLINE void pack_copied(const typename Kind::Number* src, std::int64_t ld, std::int64_t columns, std::int64_t depth,
                              float* dst, std::int64_t width) {
  const std::int64_t words = words_of<Kind>(depth);
  for (std::int64_t k = 0; k < words; ++k) {
    const typename Kind::Number* from = src + k * Kind::kNumbers * ld;
    const std::int64_t rows = depth - k * Kind::kNumbers;
    float* to = dst + k * width;
    for (std::int64_t i = 0; i < width; i += W) {
      const Vec v = i < columns ? Kind::across(from + i, ld, rows, columns - i) : splat(0.0f);
      if (i + W <= width || k + 1 < words) {
        store(to + i, v);  // beyond the row lies the next, which comes later
      } else {
        store_first(to + i, v, width - i);
      }
    }
  }
}

#if defined(CAIRN_BF16_MATRIX)
// Both, for numbers four at a time.
template <typename Kind>
requires(Kind::kTogether == 2) CAIRN_INLINE void pack_transposed(const Bf16* src, std::int64_t ld, std::int64_t width,
                                                                 std::int64_t depth, float* dst, std::int64_t dst_width) {
  for (std::int64_t k = 0; k < depth; k += 4, dst += 2 * dst_width) {
    const std::int64_t left = depth - k < 4 ? depth - k : 4;
    for (std::int64_t row = 0; row < dst_width; ++row) {
      Bf16 four[4] = {};
      if (row < width) __builtin_memcpy(four, src + row * ld + k, static_cast<std::size_t>(left) * sizeof(Bf16));
      __builtin_memcpy(dst + 2 * row, four, sizeof four);
    }
  }
}
template <typename Kind, std::int64_t kWidth, std::int64_t kStride>
requires(Kind::kTogether == 2) CAIRN_INLINE
    void pack_copied(const Bf16* src, std::int64_t ld, std::int64_t columns, std::int64_t depth, float* dst) {
  const std::int64_t words = (depth + 3) / 4 * 2;
  for (std::int64_t k = 0; k < depth; k += 4) {
    float* to = dst + k / 2 * kStride;
    for (std::int64_t first = 0; first < columns; first += kWidth, to += words * kStride) {
      for (std::int64_t i = 0; i < kStride; i += 4) {
        const std::int64_t left = columns - first - i;
        std::uint16_t rows[4][4] = {};
        for (std::int64_t r = 0; r < 4 && k + r < depth && left > 0; ++r) {
          __builtin_memcpy(rows[r], src + (k + r) * ld + first + i, static_cast<std::size_t>(left < 4 ? left : 4) * sizeof(Bf16));
        }
        vst4_u16(reinterpret_cast<std::uint16_t*>(to + 2 * i),
                 {{vld1_u16(rows[0]), vld1_u16(rows[1]), vld1_u16(rows[2]), vld1_u16(rows[3])}});
      }
    }
  }
}
#endif

}  // namespace
}  // namespace cairn::cpu::CAIRN_ISA
