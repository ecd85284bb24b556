#include "engine/train/rounding.h"

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace cairn::train {

namespace {

constexpr std::int64_t kPiece = 16 * 1024;  // elements; a multiple of the eight that one block of noise serves
constexpr std::int64_t kPerBlock = 8;
constexpr std::uint32_t kExponent = 0x7f800000, kMantissa = 0x007fffff;

void check(Tensor values, Tensor stored) {
  if (values.dtype != Dtype::f32 || stored.dtype != Dtype::bf16 || values.size() != stored.size()) {
    fail("rounding takes float32 and bfloat16 of one size, found {} and {}", values.describe(), stored.describe());
  }
}

std::uint16_t round_with(float value, std::uint32_t noise16) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & kExponent) != kExponent) return static_cast<std::uint16_t>((bits + noise16) >> 16);
  const bool nan = (bits & kMantissa) != 0;
  return static_cast<std::uint16_t>((bits >> 16) | (nan ? 0x40u : 0u));
}

}  // namespace

void widen_bf16(ThreadPool& pool, Tensor values, Tensor stored) {
  check(values, stored);
  pool.parallel_ranges(values.size(), kPiece, [&](std::int64_t begin, std::int64_t end) {
    const std::uint16_t* from = stored.as<const std::uint16_t>();
    float* to = values.as<float>();
    for (std::int64_t i = begin; i < end; ++i) to[i] = std::bit_cast<float>(static_cast<std::uint32_t>(from[i]) << 16);
  });
}

void round_bf16_stochastic(ThreadPool& pool, Tensor stored, Tensor values, const Random& noise, std::int64_t first) {
  check(values, stored);
  if (first % kPerBlock != 0) fail("the first index of the noise is {}, expected a multiple of {}", first, kPerBlock);
  pool.parallel_ranges(values.size(), kPiece, [&](std::int64_t begin, std::int64_t end) {
    const float* from = values.as<const float>();
    std::uint16_t* to = stored.as<std::uint16_t>();
    for (std::int64_t at = begin; at < end; at += kPerBlock) {
      const PhiloxCounter words = noise.block(static_cast<std::uint64_t>((first + at) / kPerBlock));
      for (std::int64_t i = 0; i < std::min(kPerBlock, end - at); ++i) {
        const std::uint32_t word = words[static_cast<std::size_t>(i / 2)];
        to[at + i] = round_with(from[at + i], i % 2 == 0 ? word & 0xffff : word >> 16);
      }
    }
  });
}

}  // namespace cairn::train
