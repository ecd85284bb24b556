// Vectors of float32 (simd_lanes.h), integers in their lanes, and bfloat16, which is how numbers lie in memory: load and store
// convert.
#pragma once

#include "kernels/bf16.h"
#include "kernels/cpu/vector/simd_lanes.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

#if defined(__AVX512F__)

CAIRN_INLINE IntVec splat_int(std::uint32_t x) {
  return _mm512_set1_epi32(static_cast<int>(x));
}
CAIRN_INLINE IntVec count_lanes() {
  return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
CAIRN_INLINE IntVec exclusive_or(IntVec a, IntVec b) {
  return _mm512_xor_si512(a, b);
}
CAIRN_INLINE IntVec upper_half(IntVec a) {
  return _mm512_srli_epi32(a, 16);
}
CAIRN_INLINE Mask finite(Vec a) {
  const __m512i exponent = _mm512_set1_epi32(0x7f800000);
  return _mm512_cmpneq_epi32_mask(_mm512_and_si512(bits(a), exponent), exponent);
}
CAIRN_INLINE IntVec select(Mask m, IntVec yes, IntVec no) {
  return _mm512_mask_blend_epi32(m, no, yes);
}
// High and low words of the products of unsigned lanes.
CAIRN_INLINE void multiply_wide(IntVec a, IntVec b, IntVec& high, IntVec& low) {
  const __m512i even = _mm512_mul_epu32(a, b), odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), b);
  low = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
  high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
}
CAIRN_INLINE IntVec load_halves(const std::uint16_t* p) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
CAIRN_INLINE IntVec load_halves_first(const std::uint16_t* p, std::int64_t n) {
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first_lanes(n), p));
}
// The lower halves of the lanes.
CAIRN_INLINE void store_halves(std::uint16_t* p, IntVec v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(v));
}
CAIRN_INLINE void store_halves_first(std::uint16_t* p, IntVec v, std::int64_t n) {
  _mm256_mask_storeu_epi16(p, first_lanes(n), _mm512_cvtepi32_epi16(v));
}
CAIRN_INLINE Vec widen(IntVec halves) {
  return floats(_mm512_slli_epi32(halves, 16));
}
CAIRN_INLINE IntVec round_to_halves(Vec v) {
  const __m512i b = bits(v), upper = _mm512_srli_epi32(b, 16), odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(b, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
  const Mask nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  return _mm512_mask_or_epi32(rounded, nan, upper, _mm512_set1_epi32(0x40));
}

#elif defined(__AVX2__) && defined(__FMA__)

CAIRN_INLINE IntVec splat_int(std::uint32_t x) {
  return _mm256_set1_epi32(static_cast<int>(x));
}
CAIRN_INLINE IntVec count_lanes() {
  return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
}
CAIRN_INLINE IntVec exclusive_or(IntVec a, IntVec b) {
  return _mm256_xor_si256(a, b);
}
CAIRN_INLINE IntVec upper_half(IntVec a) {
  return _mm256_srli_epi32(a, 16);
}
CAIRN_INLINE IntVec select(Mask m, IntVec yes, IntVec no) {
  return bits(select(m, floats(yes), floats(no)));
}
CAIRN_INLINE Mask finite(Vec a) {
  const __m256i exponent = _mm256_set1_epi32(0x7f800000);
  const __m256i equal = _mm256_cmpeq_epi32(_mm256_and_si256(bits(a), exponent), exponent);
  return floats(_mm256_xor_si256(equal, _mm256_set1_epi32(-1)));
}
CAIRN_INLINE void multiply_wide(IntVec a, IntVec b, IntVec& high, IntVec& low) {
  const __m256i even = _mm256_mul_epu32(a, b), odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), b);
  low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
  high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
}
CAIRN_INLINE IntVec load_halves(const std::uint16_t* p) {
  return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
CAIRN_INLINE void store_halves(std::uint16_t* p, IntVec v) {
  const __m256i packed = _mm256_packus_epi32(_mm256_and_si256(v, _mm256_set1_epi32(0xffff)), _mm256_setzero_si256());
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08)));
}
CAIRN_INLINE Vec widen(IntVec halves) {
  return floats(_mm256_slli_epi32(halves, 16));
}
CAIRN_INLINE IntVec round_to_halves(Vec v) {
  const __m256i b = bits(v), upper = _mm256_srli_epi32(b, 16), odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(b, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
  const __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
  return _mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)));
}

#else  // four lanes

using WordVec = std::uint32_t __attribute__((vector_size(16)));
CAIRN_INLINE IntVec splat_int(std::uint32_t x) {
  return (IntVec)WordVec{x, x, x, x};
}
CAIRN_INLINE IntVec count_lanes() {
  return IntVec{0, 1, 2, 3};
}
CAIRN_INLINE IntVec exclusive_or(IntVec a, IntVec b) {
  return a ^ b;
}
CAIRN_INLINE IntVec upper_half(IntVec a) {
  return (IntVec)((WordVec)a >> 16);
}
CAIRN_INLINE IntVec select(Mask m, IntVec yes, IntVec no) {
  return (IntVec)(((WordVec)yes & (WordVec)m) | ((WordVec)no & ~(WordVec)m));
}
CAIRN_INLINE Mask finite(Vec a) {
  return (Mask)(((WordVec)bits(a) & 0x7f800000u) != 0x7f800000u);
}
CAIRN_INLINE void multiply_wide(IntVec a, IntVec b, IntVec& high, IntVec& low) {
  for (int i = 0; i < W; ++i) {
    const std::uint64_t product = std::uint64_t{static_cast<std::uint32_t>(a[i])} * static_cast<std::uint32_t>(b[i]);
    high[i] = static_cast<std::int32_t>(product >> 32);
    low[i] = static_cast<std::int32_t>(product);
  }
}
CAIRN_INLINE IntVec load_halves(const std::uint16_t* p) {
  return IntVec{p[0], p[1], p[2], p[3]};
}
CAIRN_INLINE void store_halves(std::uint16_t* p, IntVec v) {
#pragma GCC unroll 4
  for (int i = 0; i < W; ++i) p[i] = static_cast<std::uint16_t>(v[i]);
}
CAIRN_INLINE Vec widen(IntVec halves) {
  return floats(halves << 16);
}
CAIRN_INLINE IntVec round_to_halves(Vec v) {
  const WordVec b = (WordVec)bits(v), upper = b >> 16;
  const WordVec rounded = (b + ((upper & 1) + 0x7fff)) >> 16, nan = (WordVec)(v != v);
  return (IntVec)((rounded & ~nan) | ((upper | 0x40) & nan));
}

#endif

#if !defined(__AVX512F__)
CAIRN_INLINE IntVec load_halves_first(const std::uint16_t* p, std::int64_t n) {
  std::uint16_t lanes[W] = {};
  for (std::int64_t i = 0; i < W && i < n; ++i) lanes[i] = p[i];
  return load_halves(lanes);
}
CAIRN_INLINE void store_halves_first(std::uint16_t* p, IntVec v, std::int64_t n) {
  std::uint16_t lanes[W];
  store_halves(lanes, v);
  for (std::int64_t i = 0; i < W && i < n; ++i) p[i] = lanes[i];
}
#endif

// To nearest even. Where the processor has an instruction for it, it takes subnormal numbers for zero.
CAIRN_INLINE IntVec nearest_halves(Vec v) {
#if defined(__AVX512BF16__)
  return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(v));
#else
  return round_to_halves(v);
#endif
}

// Bfloat16 in memory, float32 in registers; stores round to nearest even.
CAIRN_INLINE Vec load(const Bf16* p) {
  return widen(load_halves(&p->bits));
}
CAIRN_INLINE Vec load_first(const Bf16* p, std::int64_t n) {
  return widen(load_halves_first(&p->bits, n));
}
CAIRN_INLINE void store(Bf16* p, Vec v) {
#if defined(__AVX512BF16__)
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), (__m256i)_mm512_cvtneps_pbh(v));
#else
  store_halves(&p->bits, round_to_halves(v));
#endif
}
CAIRN_INLINE void store_first(Bf16* p, Vec v, std::int64_t n) {
#if defined(__AVX512BF16__)
  _mm256_mask_storeu_epi16(p, first_lanes(n), (__m256i)_mm512_cvtneps_pbh(v));
#else
  store_halves_first(&p->bits, round_to_halves(v), n);
#endif
}

// As converting does it to the last bit: subnormal numbers too.
CAIRN_INLINE void write_exactly(float* p, Vec v, std::int64_t left) {
  left >= W ? store(p, v) : store_first(p, v, left);
}
CAIRN_INLINE void write_exactly(Bf16* p, Vec v, std::int64_t left) {
  left >= W ? store_halves(&p->bits, round_to_halves(v)) : store_halves_first(&p->bits, round_to_halves(v), left);
}

// The numbers that v would be stored as.
template <typename A>
CAIRN_INLINE Vec stored_as(Vec v) {
  return sizeof(A) == sizeof(Bf16) ? widen(nearest_halves(v)) : v;
}

// As many lanes as are left, at most W.
template <typename A>
CAIRN_INLINE Vec read(const A* p, std::int64_t left) {
  return left >= W ? load(p) : load_first(p, left);
}
template <typename A>
CAIRN_INLINE void write(A* p, Vec v, std::int64_t left) {
  if (left >= W) {
    store(p, v);
  } else {
    store_first(p, v, left);
  }
}

}  // namespace
}  // namespace cairn::cpu::CAIRN_ISA
