// Vectors of float32 for the instruction set that a file is compiled for: the one place that knows intrinsics. Bfloat16 is how
// numbers lie in memory: load and store convert.
//
// Files of this folder are compiled once per instruction set, each time with -DCAIRN_ISA=<name>, into a namespace of that name.
// They keep to plain functions on pointers and include nothing with shared inline code (no <vector>, no <functional>): the linker
// keeps one copy of such code, and it might be the copy with instructions that the machine lacks.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/bf16.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON) && !defined(CAIRN_FOUR_FLOATS)
#include <arm_neon.h>
#endif

#define CAIRN_INLINE inline __attribute__((always_inline))

namespace cairn::cpu::CAIRN_ISA {
namespace {

// Each instruction set says: W lanes; kMr x kNv*W is the register tile of the matrix product, 4 x kDotColumns that of dot
// products.
#if defined(__AVX512F__)

using Vec = __m512;
using Mask = __mmask16;
using IntVec = __m512i;
constexpr int W = 16;
constexpr int kDotColumns = 6;
constexpr int kMr = 14, kNv = 2;  // 28 accumulators + 2 of B + 1 broadcast, of 32 registers

CAIRN_INLINE Vec load(const float* p) {
  return _mm512_loadu_ps(p);
}
CAIRN_INLINE void store(float* p, Vec v) {
  _mm512_storeu_ps(p, v);
}
CAIRN_INLINE Vec splat(float x) {
  return _mm512_set1_ps(x);
}
CAIRN_INLINE Mask first_lanes(std::int64_t n) {
  return static_cast<Mask>(n >= W ? 0xffffu : (1u << n) - 1u);
}
CAIRN_INLINE Vec load_first(const float* p, std::int64_t n) {
  return _mm512_maskz_loadu_ps(first_lanes(n), p);
}
CAIRN_INLINE void store_first(float* p, Vec v, std::int64_t n) {
  _mm512_mask_storeu_ps(p, first_lanes(n), v);
}
CAIRN_INLINE Vec fma(Vec a, Vec b, Vec c) {
  return _mm512_fmadd_ps(a, b, c);
}
CAIRN_INLINE Vec max(Vec a, Vec b) {
  return _mm512_max_ps(a, b);
}
CAIRN_INLINE Vec min(Vec a, Vec b) {
  return _mm512_min_ps(a, b);
}
CAIRN_INLINE Vec sqrt(Vec a) {
  return _mm512_sqrt_ps(a);
}
CAIRN_INLINE Mask greater(Vec a, Vec b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}
CAIRN_INLINE Mask greater_equal(Vec a, Vec b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}
CAIRN_INLINE Mask both(Mask a, Mask b) {
  return static_cast<Mask>(a & b);
}
CAIRN_INLINE Vec select(Mask m, Vec yes, Vec no) {
  return _mm512_mask_blend_ps(m, no, yes);
}
CAIRN_INLINE IntVec bits(Vec a) {
  return _mm512_castps_si512(a);
}
CAIRN_INLINE Vec floats(IntVec a) {
  return _mm512_castsi512_ps(a);
}
CAIRN_INLINE IntVec add_int(IntVec a, IntVec b) {
  return _mm512_add_epi32(a, b);
}
CAIRN_INLINE IntVec shift_left_23(IntVec a) {
  return _mm512_slli_epi32(a, 23);
}
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

// In place: row i, lane j becomes row j, lane i.
CAIRN_INLINE void transpose(Vec (&r)[W]) {
  __m512 t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    const __m512d a = _mm512_castps_pd(t[i]), b = _mm512_castps_pd(t[i + 1]);
    const __m512d c = _mm512_castps_pd(t[i + 2]), d = _mm512_castps_pd(t[i + 3]);
    r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
    r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
    r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
    r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
    r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

#elif defined(__AVX2__) && defined(__FMA__)

using Vec = __m256;
using Mask = __m256;
using IntVec = __m256i;
constexpr int W = 8;
constexpr int kDotColumns = 2;
constexpr int kMr = 6, kNv = 2;  // 12 accumulators + 2 of B + 1 broadcast, of 16 registers

CAIRN_INLINE Vec load(const float* p) {
  return _mm256_loadu_ps(p);
}
CAIRN_INLINE void store(float* p, Vec v) {
  _mm256_storeu_ps(p, v);
}
CAIRN_INLINE Vec splat(float x) {
  return _mm256_set1_ps(x);
}
CAIRN_INLINE __m256i first_lanes(std::int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n > W ? W : n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
CAIRN_INLINE Vec load_first(const float* p, std::int64_t n) {
  return _mm256_maskload_ps(p, first_lanes(n));
}
CAIRN_INLINE void store_first(float* p, Vec v, std::int64_t n) {
  _mm256_maskstore_ps(p, first_lanes(n), v);
}
CAIRN_INLINE Vec fma(Vec a, Vec b, Vec c) {
  return _mm256_fmadd_ps(a, b, c);
}
CAIRN_INLINE Vec max(Vec a, Vec b) {
  return _mm256_max_ps(a, b);
}
CAIRN_INLINE Vec min(Vec a, Vec b) {
  return _mm256_min_ps(a, b);
}
CAIRN_INLINE Vec sqrt(Vec a) {
  return _mm256_sqrt_ps(a);
}
CAIRN_INLINE Mask greater(Vec a, Vec b) {
  return _mm256_cmp_ps(a, b, _CMP_GT_OQ);
}
CAIRN_INLINE Mask greater_equal(Vec a, Vec b) {
  return _mm256_cmp_ps(a, b, _CMP_GE_OQ);
}
CAIRN_INLINE Mask both(Mask a, Mask b) {
  return _mm256_and_ps(a, b);
}
CAIRN_INLINE Vec select(Mask m, Vec yes, Vec no) {
  return _mm256_blendv_ps(no, yes, m);
}
CAIRN_INLINE IntVec bits(Vec a) {
  return _mm256_castps_si256(a);
}
CAIRN_INLINE Vec floats(IntVec a) {
  return _mm256_castsi256_ps(a);
}
CAIRN_INLINE IntVec add_int(IntVec a, IntVec b) {
  return _mm256_add_epi32(a, b);
}
CAIRN_INLINE IntVec shift_left_23(IntVec a) {
  return _mm256_slli_epi32(a, 23);
}
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

CAIRN_INLINE void transpose(Vec (&r)[W]) {
  __m256 t[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    const __m256 low = r[i], high = r[i + 4];
    r[i] = _mm256_permute2f128_ps(low, high, 0x20);
    r[i + 4] = _mm256_permute2f128_ps(low, high, 0x31);
  }
}

#else  // four lanes: NEON, or what the compiler makes of four floats

constexpr int W = 4;
#if defined(__ARM_NEON) && !defined(CAIRN_FOUR_FLOATS)
using Vec = float32x4_t;
using Mask = uint32x4_t;
using IntVec = int32x4_t;
constexpr int kDotColumns = 5;
constexpr int kMr = 8, kNv = 3;  // 24 accumulators + 3 of B + 2 of A, of 32 registers
CAIRN_INLINE Vec fma(Vec a, Vec b, Vec c) {
  return vfmaq_f32(c, a, b);
}
CAIRN_INLINE Vec max(Vec a, Vec b) {
  return vmaxq_f32(a, b);
}
CAIRN_INLINE Vec min(Vec a, Vec b) {
  return vminq_f32(a, b);
}
CAIRN_INLINE Vec sqrt(Vec a) {
  return vsqrtq_f32(a);
}
CAIRN_INLINE Mask greater(Vec a, Vec b) {
  return vcgtq_f32(a, b);
}
CAIRN_INLINE Mask greater_equal(Vec a, Vec b) {
  return vcgeq_f32(a, b);
}
CAIRN_INLINE Vec select(Mask m, Vec yes, Vec no) {
  return vbslq_f32(m, yes, no);
}
CAIRN_INLINE IntVec bits(Vec a) {
  return vreinterpretq_s32_f32(a);
}
CAIRN_INLINE Vec floats(IntVec a) {
  return vreinterpretq_f32_s32(a);
}
#else
using Vec = float __attribute__((vector_size(16)));
using Mask = std::int32_t __attribute__((vector_size(16)));
using IntVec = std::int32_t __attribute__((vector_size(16)));
constexpr int kDotColumns = 2;
constexpr int kMr = 4, kNv = 2;  // 8 accumulators + 2 of B + 1 broadcast, of 16 registers
CAIRN_INLINE Vec fma(Vec a, Vec b, Vec c) {
  return a * b + c;
}
CAIRN_INLINE Vec select(Mask m, Vec yes, Vec no) {
  return (Vec)(((Mask)yes & m) | ((Mask)no & ~m));
}
CAIRN_INLINE Mask greater(Vec a, Vec b) {
  return a > b;
}
CAIRN_INLINE Mask greater_equal(Vec a, Vec b) {
  return a >= b;
}
CAIRN_INLINE Vec max(Vec a, Vec b) {
  return select(a > b, a, b);
}
CAIRN_INLINE Vec min(Vec a, Vec b) {
  return select(a < b, a, b);
}
CAIRN_INLINE Vec sqrt(Vec a) {
  return Vec{__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]), __builtin_sqrtf(a[3])};
}
CAIRN_INLINE IntVec bits(Vec a) {
  return (IntVec)a;
}
CAIRN_INLINE Vec floats(IntVec a) {
  return (Vec)a;
}
#endif
CAIRN_INLINE Vec splat(float x) {
  return Vec{x, x, x, x};
}
CAIRN_INLINE Mask both(Mask a, Mask b) {
  return a & b;
}
CAIRN_INLINE IntVec add_int(IntVec a, IntVec b) {
  return a + b;
}
CAIRN_INLINE IntVec shift_left_23(IntVec a) {
  return a << 23;
}
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
CAIRN_INLINE Vec load(const float* p) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
CAIRN_INLINE void store(float* p, Vec v) {
  __builtin_memcpy(p, &v, sizeof v);
}
CAIRN_INLINE Vec load_first(const float* p, std::int64_t n) {
  float lanes[W] = {};
  for (std::int64_t i = 0; i < W && i < n; ++i) lanes[i] = p[i];
  return load(lanes);
}
CAIRN_INLINE void store_first(float* p, Vec v, std::int64_t n) {
  float lanes[W];
  store(lanes, v);
  for (std::int64_t i = 0; i < W && i < n; ++i) p[i] = lanes[i];
}
CAIRN_INLINE void transpose(Vec (&r)[W]) {
  float in[W][W];
  for (int i = 0; i < W; ++i) store(in[i], r[i]);
  for (int i = 0; i < W; ++i) r[i] = Vec{in[0][i], in[1][i], in[2][i], in[3][i]};
}

#endif

constexpr int kNr = kNv * W;

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

// Sums and maxima over the lanes, in one fixed order.
CAIRN_INLINE float sum_lanes(Vec v) {
#if defined(__AVX2__)
#if defined(__AVX512F__)
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
#else
  const __m256 eight = v;
#endif
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
#else
  float lanes[W];
  store(lanes, v);
  for (int width = W / 2; width >= 1; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
#endif
}
CAIRN_INLINE float max_lanes(Vec v) {
  float lanes[W];
  store(lanes, v);
  float most = lanes[0];
  for (int i = 1; i < W; ++i) most = lanes[i] > most ? lanes[i] : most;
  return most;
}
// The sum over the lanes in double.
CAIRN_INLINE double sum_lanes_double(Vec v) {
  float lanes[W];
  store(lanes, v);
  double sum = 0;
  for (int i = 0; i < W; ++i) sum += lanes[i];
  return sum;
}

}  // namespace
}  // namespace cairn::cpu::CAIRN_ISA
