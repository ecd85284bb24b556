// Counter-based randomness: Philox-4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
//
// A value is a function of (key, purpose, index) and never of the order of calls, so any thread, rank or restart draws the
// same numbers.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace cairn {

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

// The block function; matches the published test vectors (Random123 kat_vectors).
PhiloxCounter philox4x32_10(PhiloxCounter counter, PhiloxKey key);

// A stream of numbers addressed by index. `seed` is the run's seed; `purpose` names the use ("init", "dropout", "sample").
class Random {
 public:
  Random(std::uint64_t seed, std::string_view purpose);

  // The counter is (index, first 8 bytes of SHA-256(purpose)), the key is the seed, all little-endian.
  PhiloxCounter block(std::uint64_t index) const;                     // 128 uniform bits
  std::uint64_t bits(std::uint64_t index) const;                      // 64 uniform bits: words 0 and 1 of the block
  double uniform(std::uint64_t index) const;                          // [0, 1), 53 bits
  // N(0, 1), Box-Muller of the two halves of one block. Same bits on every machine: it calls no libm function but sqrt.
  double normal(std::uint64_t index) const;
  std::uint64_t below(std::uint64_t index, std::uint64_t n) const;    // [0, n), n >= 1, by 128-bit multiply (bias < n / 2^64)

 private:
  PhiloxKey key_;
  std::uint64_t purpose_;
};

}  // namespace cairn
