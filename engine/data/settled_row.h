// What becomes of a document behind the deduplicators of a stage.
#pragma once

#include <cstdint>
#include <string>

#include "engine/data/curated_piece.h"
#include "engine/data/deduplicator.h"

namespace cairn::data {

struct SettledRow {
  // `removed_by`: number of the deduplicator that removed it, if one did, in the chain.
  SettledRow(const DedupRow& dedup, const KnownDocuments& known, std::uint64_t removed_by);
  SettledRow(const SettledRow&) = delete;
  SettledRow& operator=(const SettledRow&) = delete;

  DocumentNumber number;
  CuratedRow row;    // views into what holds the document's row, or into what follows; without keys
  bool cut = false;  // in its text a deduplicator cut something: its words and tokens are 0, to be counted by whoever needs them

  std::string text{}, reason{}, edited_by{}, evidence{}, sample{}, rule{};
  KnownDocument kept{};
};

}  // namespace cairn::data
