// float8_e4m3: sign, 4 bits of exponent (bias 7), 3 of mantissa; no infinities, one NaN of each sign, largest number 448
// (Micikevicius et al. 2022, "FP8 formats for deep learning"). How numbers are stored; arithmetic is done in float32.
#pragma once

#include <cstdint>

namespace cairn {

struct Fp8 {
  static constexpr float kLargest = 448;

  std::uint8_t bits = 0;

  Fp8() = default;
  // To nearest, ties to even; what lies beyond the largest number becomes it, NaN stays NaN.
  constexpr explicit Fp8(float value) {
    const std::uint32_t b = __builtin_bit_cast(std::uint32_t, value), magnitude = b & 0x7fffffffu;
    const auto sign = static_cast<std::uint8_t>(b >> 24 & 0x80u);
    if (magnitude > 0x7f800000u) {
      bits = sign | 0x7fu;
    } else if (magnitude >= 0x43e00000u) {  // 448
      bits = sign | 0x7eu;
    } else if (magnitude < 0x3c800000u) {  // 2^-6: below it, numbers are multiples of 2^-9
      // Adding 2^14 leaves units of 2^-9 in a float's last place.
      const float shifted = __builtin_bit_cast(float, magnitude) + 16384.0f;
      bits = static_cast<std::uint8_t>(sign | (__builtin_bit_cast(std::uint32_t, shifted) & 0xffu));
    } else {
      const std::uint32_t rounded = magnitude + 0x7ffffu + (magnitude >> 20 & 1u);
      bits = static_cast<std::uint8_t>(sign | ((rounded >> 20) - (120u << 3)));
    }
  }
  constexpr operator float() const {
    const std::uint32_t magnitude = bits & 0x7fu, sign = static_cast<std::uint32_t>(bits & 0x80u) << 24;
    float value = 0;
    if (magnitude == 0x7fu) {
      value = __builtin_nanf("");
    } else if (magnitude < 8) {
      value = static_cast<float>(magnitude) * 0.001953125f;  // 2^-9
    } else {
      value = __builtin_bit_cast(float, (magnitude << 20) + (120u << 23));
    }
    return __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, value) | sign);
  }
};
static_assert(sizeof(Fp8) == 1);

}  // namespace cairn
