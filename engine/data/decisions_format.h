// Where what lies in a decisions file (docs/format/decisions.md). Private to those who write and read it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cairn::data::decisions_format {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie");

inline constexpr std::string_view kMagic = "CAIRNDEC";
inline constexpr std::uint32_t kVersion = 3;
inline constexpr std::size_t kHeaderBytes = 32, kRecordBytes = 120;

// Offsets inside a record.
inline constexpr std::size_t kId = 0, kDuplicate = 32, kUrl = 64, kReason = 72, kSource = 80, kLanguage = 84, kFilter = 88,
                             kRule = 92, kShard = 96, kOrdinal = 100, kVerdict = 104, kFlags = 105, kEvidence = 112;
inline constexpr std::uint8_t kEdited = 1, kHasDuplicate = 2;

}  // namespace cairn::data::decisions_format
