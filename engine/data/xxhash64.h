// XXH64 (Yann Collet's xxHash, the classic 64-bit variant, not XXH3), seed 0: the hash of datatrove's shingles (spec/data.md
// §2.6).
#pragma once

#include <cstdint>
#include <string_view>

namespace cairn::data {

std::uint64_t xxhash64(std::string_view bytes, std::uint64_t seed = 0);
// XXH32, seed 0: of datatrove's shingles in 32 bits.
std::uint32_t xxhash32(std::string_view bytes);

}  // namespace cairn::data
