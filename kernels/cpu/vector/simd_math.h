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

// e^x for x <= 0 within 1 ULP; below -87.3, e^-87.3, which is next to nothing. NaN stays NaN.
CAIRN_INLINE Vec exp_of_negative(Vec x) {
  const ExpParts e = exp_parts(max(splat(kExpLow), x));
  return (fma(e.r * e.r, e.tail, e.r) + splat(1.0f)) * e.scale;
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
