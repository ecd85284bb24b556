// The uniform numbers that sampling draws, without the hash that Random needs: kernels are built alone for other machines.
#pragma once

#include <cstdint>

#include "base/random.h"

namespace cairn {

inline constexpr std::uint64_t kSamplingPurpose = 0xc16e9baae1db2baf;  // the first 8 bytes of SHA-256("sample"), little-endian

// Random(seed, "sample").uniform(index): in [0, 1), 53 bits.
inline double sampling_draw(std::uint64_t seed, std::uint64_t index) {
  const PhiloxCounter words =
      philox4x32_10({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                     static_cast<std::uint32_t>(kSamplingPurpose), static_cast<std::uint32_t>(kSamplingPurpose >> 32)},
                    {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  const std::uint64_t bits = static_cast<std::uint64_t>(words[1]) << 32 | words[0];
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace cairn
