// Conversions between the number formats of weight files, bit by bit. bfloat16 is in kernels/bf16.h.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace cairn::model {

inline float f16_to_float(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fu, fraction = bits & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24
    const float magnitude = std::ldexp(float(fraction), -24);
    return sign ? -magnitude : magnitude;
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

// To nearest, ties to even; NaN stays NaN, what lies beyond the largest number becomes infinity.
inline std::uint16_t float_to_f16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value), magnitude = bits & 0x7fffffffu;
  const auto sign = std::uint16_t((bits >> 16) & 0x8000u);
  if (magnitude > 0x7f800000u) return sign | std::uint16_t(0x7e00u);
  if (magnitude < 0x38800000u) {  // below 2^-14: a multiple of 2^-24
    return sign | std::uint16_t(std::nearbyint(std::ldexp(std::bit_cast<float>(magnitude), 24)));
  }
  const std::uint32_t half = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  return sign | std::uint16_t(half < 0x7c00u ? half : 0x7c00u);
}

inline float f8_e5m2_to_float(std::uint8_t bits) {
  return f16_to_float(std::uint16_t(bits << 8));
}

// No infinities; the all-ones exponent with an all-ones fraction is NaN.
inline float f8_e4m3_to_float(std::uint8_t bits) {
  const float sign = bits & 0x80u ? -1.0f : 1.0f;
  const int exponent = (bits >> 3) & 0xf, fraction = bits & 7;
  if (exponent == 15 && fraction == 7) return std::bit_cast<float>(0x7fc00000u);
  if (exponent == 0) return sign * std::ldexp(float(fraction), -9);
  return sign * std::ldexp(float(8 + fraction), exponent - 10);
}

}  // namespace cairn::model
