// Which document of several that are the same, or nearly so, is kept.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/schema.h"
#include "engine/data/curated_piece.h"

namespace cairn::data {

enum class KeepRule {
  first,    // in input order
  newest,   // by date of retrieval; a document without a date is older than any
  oldest,   // by date of retrieval; a document without a date is newer than any
  longest,  // text, in bytes
};

// The document with the least number is kept; of equals the first in order.
std::uint64_t keep_rank(const CuratedRow& row, KeepRule rule);
// A date as a number in the order of dates: its first 19 digits, as "2024-05-06T07:08:09Z" stands for 2024050607080900000. 0
// without any.
std::uint64_t date_number(std::string_view date);

Field keep_field();  // "keep"
KeepRule keep_rule_of(const Config& config);

}  // namespace cairn::data
