// Block compression formats that are too small to need a library: Snappy (raw) and LZ4 (raw block).
#pragma once

#include <string>
#include <string_view>

namespace cairn::data {

// Both: exactly `size` bytes come out, or it is an Error. No more than that is ever allocated.
std::string unpack_snappy(std::string_view packed, std::size_t size);
std::string unpack_lz4_block(std::string_view packed, std::size_t size);

}  // namespace cairn::data
