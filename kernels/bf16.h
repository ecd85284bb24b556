// bfloat16: the upper half of a float32. Arithmetic is done in float32; this is how numbers are stored.
#pragma once

#include <cstdint>

namespace cairn {

// Conversions are always inlined: files that are compiled for one instruction set leave no copy of them for the rest.
#define CAIRN_BF16_INLINE constexpr __attribute__((always_inline))

struct Bf16 {
  std::uint16_t bits = 0;

  Bf16() = default;
  // To nearest, ties to even; NaN stays NaN (made quiet), what lies beyond the largest number becomes infinity. A double is
  // rounded to float32 first: bfloat16 results are float32 results, rounded.
  CAIRN_BF16_INLINE explicit Bf16(float value) {
    const std::uint32_t b = __builtin_bit_cast(std::uint32_t, value);
    bits = value != value ? static_cast<std::uint16_t>(b >> 16 | 0x40u)
                          : static_cast<std::uint16_t>((b + 0x7fffu + (b >> 16 & 1u)) >> 16);
  }
  CAIRN_BF16_INLINE explicit Bf16(double value) : Bf16(static_cast<float>(value)) {}
  CAIRN_BF16_INLINE operator float() const { return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits) << 16); }
};
static_assert(sizeof(Bf16) == 2);

}  // namespace cairn
