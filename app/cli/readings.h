// What trainings of a workspace read, for the verbs why and impact.
#pragma once

#include <string>
#include <vector>

#include "engine/train/reading.h"
#include "lineage/workspace.h"

namespace cairn::app {

// A training run, the checkpoint that it made, and the data that it read; docmaps mapped.
struct Training {
  lineage::Run run;
  lineage::ArtifactId checkpoint = 0;
  std::string label;  // of the checkpoint
  train::ReadSet read;
  std::vector<train::MappedShard> shards;
};

// All done runs whose checkpoint tells what it read, oldest first; those whose data is gone are passed over with a warning.
std::vector<Training> trainings_of(lineage::Workspace& workspace);

// Checkpoints and models made from a checkpoint, by label, nearest first.
std::vector<std::string> made_from(const lineage::Ledger& ledger, lineage::ArtifactId checkpoint);

}  // namespace cairn::app
