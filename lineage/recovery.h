// What opening a workspace does about a kill (the table of spec/lineage.md §2.5).
#pragma once

#include "lineage/database.h"
#include "lineage/run_files.h"
#include "lineage/workspace.h"

namespace cairn::lineage {

// Open runs whose lease is dead: in `sealing` with a whole record and all objects -> done, in `sealing` otherwise -> failed, else
// lost. Staging of ended or unknown runs is removed. After such a find, or when `clean` is false (a write-ahead log was there),
// also a quick check of the database, and objects that nothing names are reported, and removed once they are 14 days old. Runs of
// living processes are left alone. Safe when two processes recover at once.
RecoveryReport recover(Disk& disk, const fs::path& folder, Database& database, Ledger& ledger, Store& store, RunFiles& files,
                       bool clean);

}  // namespace cairn::lineage
