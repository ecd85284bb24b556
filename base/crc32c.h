// CRC-32C (Castagnoli polynomial 0x1EDC6F41, reflected; RFC 3720 B.4): the checksum of TFRecord files.
#pragma once

#include <cstdint>
#include <string_view>

namespace cairn {

std::uint32_t crc32c(std::string_view bytes);

}  // namespace cairn
