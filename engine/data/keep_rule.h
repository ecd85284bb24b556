// Which document of several that are the same, or nearly so, is kept.
#pragma once

#include "base/schema.h"
#include "engine/data/curated_piece.h"

namespace cairn::data {

enum class KeepRule {
  first,    // in input order
  newest,   // by date of retrieval; a document without a date is older than any
  oldest,   // by date of retrieval; a document without a date is newer than any
  longest,  // text, in bytes
};

// Whether `a` is to be kept rather than `b`; false when the rule does not tell them apart, and the first in order stays.
bool is_better(const CuratedRow& a, const CuratedRow& b, KeepRule rule);

Field keep_field();  // "keep"
KeepRule keep_rule_of(const Config& config);

}  // namespace cairn::data
