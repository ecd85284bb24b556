// Vectors of float32 for the instruction set that a file is compiled for. This file and simd.h are the one place that knows
// intrinsics (and gemm_kinds.h the instructions of matrix products).
//
// Files of this folder are compiled once per instruction set, each time with -DCAIRN_ISA=<name>, into a namespace of that name.
// They keep to plain functions on pointers and include nothing with shared inline code (no <vector>, no <functional>): the linker
// keeps one copy of such code, and it might be the copy with instructions that the machine lacks.
#pragma once

#include <cstdint>
#include <cstring>

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
