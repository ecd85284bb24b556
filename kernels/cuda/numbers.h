// Numbers as kernels see them: memory holds float or Bf16, arithmetic is in float.
#pragma once

#include <cstdint>

#include "kernels/cuda/platform.h"

namespace cairn::cuda {

struct Bf16 {
  std::uint16_t bits;
};

__device__ inline float to_float(float value) {
  return value;
}
__device__ inline float to_float(Bf16 value) {
  return __uint_as_float(static_cast<unsigned>(value.bits) << 16);
}

template <typename T>
__device__ T from_float(float value);
template <>
__device__ inline float from_float<float>(float value) {
  return value;
}
// To nearest, ties to even; NaN stays NaN.
template <>
__device__ inline Bf16 from_float<Bf16>(float value) {
  const unsigned bits = __float_as_uint(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

// Eight neighbouring elements, what one thread moves at a time: one 16-byte access in Bf16, two in float.
struct Eight {
  float at[8];
};
inline constexpr int kEight = 8;

template <typename T>
struct alignas(16) Packed {
  T at[16 / sizeof(T)];
};

// Elements [0, min(8, count)) of `from`; the rest is 0. By wide accesses where all are there and the address allows.
template <typename T>
__device__ Eight load_eight(const T* from, std::int64_t count) {
  Eight values{};
  if (count >= kEight && reinterpret_cast<std::uintptr_t>(from) % 16 == 0) {
    constexpr int kStep = 16 / static_cast<int>(sizeof(T));
#pragma unroll
    for (int i = 0; i < kEight; i += kStep) {
      const Packed<T> packed = *reinterpret_cast<const Packed<T>*>(from + i);
#pragma unroll
      for (int j = 0; j < kStep; ++j) values.at[i + j] = to_float(packed.at[j]);
    }
  } else {
    for (int i = 0; i < kEight && i < count; ++i) values.at[i] = to_float(from[i]);
  }
  return values;
}

template <typename T>
__device__ void store_eight(T* to, const Eight& values, std::int64_t count) {
  if (count >= kEight && reinterpret_cast<std::uintptr_t>(to) % 16 == 0) {
    constexpr int kStep = 16 / static_cast<int>(sizeof(T));
#pragma unroll
    for (int i = 0; i < kEight; i += kStep) {
      Packed<T> packed;
#pragma unroll
      for (int j = 0; j < kStep; ++j) packed.at[j] = from_float<T>(values.at[i + j]);
      *reinterpret_cast<Packed<T>*>(to + i) = packed;
    }
  } else {
    for (int i = 0; i < kEight && i < count; ++i) to[i] = from_float<T>(values.at[i]);
  }
}

}  // namespace cairn::cuda
