// Exponentials on vectors. Errors were measured over all floats of the stated ranges by tests/kernels/exp_test.cpp, which holds
// these bounds.
#pragma once

#include "kernels/cpu/vector/simd.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

// x = n ln2 + r with |r| <= ln2 / 2 and n an integer: `scale` is 2^n, and e^r = 1 + r + r^2 tail.
struct ExpParts {
  Vec scale, r, tail;
};

// For -87.3 <= x <= 88.  Polynomial: Cephes expf (Moshier), degree 5 after the linear part.
CAIRN_INLINE ExpParts exp_parts(Vec x) {
  const Vec magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  const Vec shifted = fma(x, splat(1.44269504088896341f), magic);
  const Vec n = shifted - magic;
  Vec r = fma(n, splat(-0.693359375f), x);  // ln2 in two pieces; the first product is exact
  r = fma(n, splat(2.12194440e-4f), r);
  Vec tail = splat(1.9875691500e-4f);
  tail = fma(tail, r, splat(1.3981999507e-3f));
  tail = fma(tail, r, splat(8.3334519073e-3f));
  tail = fma(tail, r, splat(4.1665795894e-2f));
  tail = fma(tail, r, splat(1.6666665459e-1f));
  tail = fma(tail, r, splat(5.0000001201e-1f));
  return {floats(add_int(shift_left_23(bits(shifted)), bits(splat(1.0f)))), r, tail};
}

constexpr float kExpLow = -87.3f, kExpHigh = 88.0f;

// e^x within 1 ULP; 0 below -87.3 (where the result leaves the normal numbers), e^88 above 88. NaN stays NaN: minima and maxima
// return their second argument when one is no number.
CAIRN_INLINE Vec exp(Vec x) {
  const ExpParts e = exp_parts(min(splat(kExpHigh), max(splat(kExpLow), x)));
  const Vec value = (fma(e.r * e.r, e.tail, e.r) + splat(1.0f)) * e.scale;
  return select(greater(splat(kExpLow), x), splat(0.0f), value);
}

// x <= 0 as whole + rest with |rest| <= 1/2, and v * 2^whole; below -126 what is next to nothing.
struct WholeAndRest {
  Vec whole, rest;
};
#if defined(__AVX512F__)
CAIRN_INLINE WholeAndRest nearest_whole(Vec x) {
  const Vec whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  return {whole, x - whole};
}
CAIRN_INLINE Vec times_power(Vec v, Vec whole) {
  return _mm512_scalef_ps(v, whole);
}
#else
CAIRN_INLINE WholeAndRest nearest_whole(Vec x) {
  const Vec magic = splat(12582912.0f), clipped = max(splat(-126.0f), x);
  const Vec whole = (clipped + magic) - magic;
  return {whole, clipped - whole};
}
CAIRN_INLINE Vec times_power(Vec v, Vec whole) {
  const Vec low_bits = whole + splat(12582912.0f);
  return v * floats(add_int(shift_left_23(bits(low_bits)), bits(splat(1.0f))));
}
#endif

// 2^x for x <= 0, for numbers that will be stored as A: float32 within 1.1 ULP (2^-126 below -126), bfloat16 within 4e-6 of the
// value. NaN stays NaN. Polynomials: least relative error on [-1/2, 1/2] with 2^0 exact.
template <typename A>
CAIRN_INLINE Vec exp2_of_negative(Vec x) {
  const WholeAndRest parts = nearest_whole(x);
  const Vec r = parts.rest;
  Vec value;
  if constexpr (sizeof(A) == sizeof(float)) {
    value = fma(splat(1.5272305289e-4f), r, splat(1.3410479072e-3f));
    value = fma(value, r, splat(9.6187752566e-3f));
    value = fma(value, r, splat(5.5502934632e-2f));
    value = fma(value, r, splat(2.4022644811e-1f));
    value = fma(value, r, splat(6.9314723203e-1f));
  } else {
    value = fma(splat(9.5853823888e-3f), r, splat(5.5906628255e-2f));
    value = fma(value, r, splat(2.4024038167e-1f));
    value = fma(value, r, splat(6.9312418434e-1f));
  }
  return times_power(fma(value, r, splat(1.0f)), parts.whole);
}

// e^x - 1 - x and e^x for x <= 0. The first has no cancellation near 0: its error is within 6 ULP for every x <= 0.
struct ExpMinusLinear {
  Vec rest, exp;
};
CAIRN_INLINE ExpMinusLinear exp_minus_linear(Vec x) {
  const Vec clipped = max(splat(kExpLow), x);
  const ExpParts e = exp_parts(clipped);
  const Vec curve = e.r * e.r * e.tail;
  // 2^n (1 + r + curve) - 1 - x: for n = 0, r is x and everything but the curve vanishes exactly.
  const Vec line = fma(e.scale, e.r, e.scale - splat(1.0f)) - x;
  return {fma(e.scale, curve, line), (curve + e.r + splat(1.0f)) * e.scale};
}

}  // namespace
}  // namespace cairn::cpu::CAIRN_ISA
