// The ledger made again from the sealed run records in objects/ alone.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/disk.h"

namespace cairn::lineage {

struct RebuildReport {
  std::int64_t runs = 0, adoptions = 0, moves = 0;  // records applied, by what they say
  std::vector<std::string> problems;                // records that are damaged, contradict others or follow one that is missing

  std::int64_t records() const { return runs + adoptions + moves; }
};

// Writes a new ledger to `target`, which must not exist; nothing else of the workspace is touched. Equal to the lost ledger table
// by table except for local ids and for runs that had not ended. A record that an output of some run merely looks like is not
// taken for one.
RebuildReport rebuild(Disk& disk, const fs::path& workspace, const fs::path& target);

// The same, put in the place of the workspace's ledger.db, which needs not be readable or there; the old one stays beside it as
// `kept` (empty when there was none). With problems it only takes the place when `anyway`. Error while a run is at work here,
// and, `anyway` or not, when there is no record at all while ledger.db can be read and tells of runs or adoptions.
struct ReplacedLedger {
  RebuildReport report;
  bool replaced = false;
  fs::path kept;
};
ReplacedLedger replace_ledger(Disk& disk, const fs::path& workspace, bool anyway);

}  // namespace cairn::lineage
