// One document through the filters of one stage of a curation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/data/curated_piece.h"
#include "engine/data/document.h"
#include "engine/data/filter_chain.h"
#include "engine/data/statistics.h"
#include "engine/data/token_counter.h"

namespace cairn::data {

// How the text of a document that is dropped begins.
inline constexpr std::size_t kSampleBytes = 300;

// What filters keep with their judgements stands in one text, in parts that "; " separates: addresses and languages that
// documents bring along cannot make more of them.
std::string evidence_part(std::string text);
std::string joined(std::string_view before, std::string_view separator, std::string_view more);

// Runs the filters of `stage` over a document that is still in, and appends what becomes of it, with the keys for the stage's
// deduplicators if it stays. `before`: nullptr in the first stage; else the row behind the stage before, whose tokens are 0 when
// its text was cut there. `first_filter`: number of the stage's first filter in the chain, for `statistics`.
void judge(Document& document, const CuratedRow* before, const Stage& stage, std::uint32_t first_filter,
           const TokenCounter& tokens, StatisticTally& statistics, CuratedPieceWriter& out);

}  // namespace cairn::data
