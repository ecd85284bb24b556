// A 64-bit seed as decimal text, for JSON, whose integers are signed.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>

#include "base/error.h"

namespace cairn::train {

inline std::string seed_text(std::uint64_t seed) {
  return std::to_string(seed);
}

inline std::uint64_t parse_seed(const std::string& text) {
  std::uint64_t seed = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    fail("'{}' is not a seed: expected a whole number", text);
  return seed;
}

}  // namespace cairn::train
