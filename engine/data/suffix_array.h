// Suffix array construction by induced sorting (SA-IS: Nong, Zhang and Chan, "Two efficient algorithms for linear time suffix
// array construction", 2011): linear time, about seven bytes of memory for each byte of text, text and result included.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace cairn::data {

// Positions of all suffixes of `text` in ascending order of their bytes (unsigned; a prefix comes before what it begins). At most
// 2^31 - 2 bytes.
std::vector<std::uint32_t> suffix_array(std::string_view text);

}  // namespace cairn::data
