// What a matrix product multiplies: numbers of one format, packed into words that the register tile takes one at a time.
//
// A word holds kNumbers consecutive numbers along K (zeros fill up the last); a panel is words [depth][width]. A kind says how
// words are read from where the numbers lie, and what a multiply-add of two words is.
#pragma once

#include "kernels/cpu/vector/simd.h"

// For bfloat16: Narrow is the kind of packed products, NarrowDots that of dot products (it has `along`), NarrowWords that of
// operands whose words lie one beside the other.
namespace cairn::cpu::CAIRN_ISA {
namespace {

// float32; also bfloat16 that becomes float32 when it is packed, where the processor has nothing for it.
template <typename T>
struct WordsOfFloat {
  using Number = T;
  static constexpr int kNumbers = 1, kTogether = 1;
  // W words along K from p, of which `left` numbers exist.
  CAIRN_INLINE static Vec along(const T* p, std::int64_t left) { return read(p, left); }
  // The words of W columns from p; rows are `ld` apart, of which `rows` exist, and `left` columns.
  CAIRN_INLINE static Vec across(const T* p, std::int64_t, std::int64_t, std::int64_t left) { return read(p, left); }
  CAIRN_INLINE static Vec multiply_add(Vec a, Vec b, Vec c) { return fma(a, b, c); }
};
using Floats = WordsOfFloat<float>;

#if defined(__AVX512BF16__)

// Two numbers a word: c + a[1] b[1] + a[0] b[0] in one instruction, which takes subnormal numbers for zero.
struct Pairs {
  using Number = Bf16;
  static constexpr int kNumbers = 2, kTogether = 1;
  CAIRN_INLINE static Vec along(const Bf16* p, std::int64_t left) {
    if (left >= 2 * W) return floats(_mm512_loadu_si512(p));
    return floats(_mm512_maskz_loadu_epi16(static_cast<__mmask32>((1ull << (left < 0 ? 0 : left)) - 1), p));
  }
  CAIRN_INLINE static Vec across(const Bf16* p, std::int64_t ld, std::int64_t rows, std::int64_t left) {
    const bool full = left >= W;
    const __m512i low = full ? load_halves(&p->bits) : load_halves_first(&p->bits, left);
    if (rows < 2) return floats(low);
    const __m512i high = full ? load_halves(&p[ld].bits) : load_halves_first(&p[ld].bits, left);
    return floats(_mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
  }
  // Words of two rows of numbers that are in registers.
  CAIRN_INLINE static Vec words(Vec low, Vec high) {
    const __m512i halves = (__m512i)_mm512_cvtne2ps_pbh(high, low);  // of low, then of high
    const __m512i places =
        _mm512_add_epi32(_mm512_mullo_epi32(count_lanes(), _mm512_set1_epi32(0x10001)), _mm512_set1_epi32(0x100000));
    return floats(_mm512_permutexvar_epi16(places, halves));
  }
  CAIRN_INLINE static Vec multiply_add(Vec a, Vec b, Vec c) { return _mm512_dpbf16_ps(c, (__m512bh)bits(a), (__m512bh)bits(b)); }
};
using Narrow = Pairs;
using NarrowDots = Pairs;
using NarrowWords = Pairs;

#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC) && !defined(CAIRN_FOUR_FLOATS)
#define CAIRN_BF16_MATRIX 1

// Four numbers of a row or column side by side, in two words, as BFMMLA takes them: it multiplies two rows of A by two columns of
// B.
struct Quads {
  using Number = Bf16;
  static constexpr int kNumbers = 2, kTogether = 2;
  CAIRN_INLINE static Vec multiply_add(Vec a, Vec b, Vec c) {
    return vbfmmlaq_f32(c, vreinterpretq_bf16_f32(a), vreinterpretq_bf16_f32(b));
  }
};
// Dot products take pairs: BFDOT.
struct Pairs {
  using Number = Bf16;
  static constexpr int kNumbers = 2, kTogether = 1;
  CAIRN_INLINE static Vec along(const Bf16* p, std::int64_t left) {
    std::uint16_t lanes[2 * W] = {};
    __builtin_memcpy(lanes, p, static_cast<std::size_t>(left < 2 * W ? left : 2 * W) * sizeof(Bf16));
    return vreinterpretq_f32_u16(vld1q_u16(lanes));
  }
  CAIRN_INLINE static Vec multiply_add(Vec a, Vec b, Vec c) {
    return vbfdotq_f32(c, vreinterpretq_bf16_f32(a), vreinterpretq_bf16_f32(b));
  }
};
using Narrow = Quads;
using NarrowDots = Pairs;
using NarrowWords = WordsOfFloat<Bf16>;

#else

using Narrow = WordsOfFloat<Bf16>;
using NarrowDots = Narrow;
using NarrowWords = Narrow;

#endif

}  // namespace
}  // namespace cairn::cpu::CAIRN_ISA
