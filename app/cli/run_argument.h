// Which run a person means, for the verbs that look at one.
#pragma once

#include <string>

#include "lineage/workspace.h"

namespace cairn::app {

inline constexpr const char* kRunHelp =
    "a run's number, a uuid's beginning, a step's or an artifact's name (default: the newest that "
    "runs, else the newest that has metrics)";

// A run's number, the first six or more letters of its uuid, a step's name (its newest run), or an artifact's name or digest (the
// run that made it). Empty: the newest that runs, else the newest with metrics, else the newest. Error (usage) when nothing fits.
lineage::Run find_run(const lineage::Workspace& workspace, const lineage::Ledger& ledger, const std::string& text);

// "base@1" where a name means its first output now, else "pretrain".
std::string run_title(const lineage::Ledger& ledger, const lineage::Run& run);

bool is_open(const lineage::Run& run);  // planned, running or sealing

}  // namespace cairn::app
