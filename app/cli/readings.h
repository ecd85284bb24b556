// What trainings of a workspace read, for the verbs why, impact, sample and when.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/text/tokenizer.h"
#include "engine/train/loader.h"
#include "engine/train/reading.h"
#include "lineage/workspace.h"

namespace cairn::app {

// A training run, the checkpoint that it made, and the data that it reads; docmaps mapped.
struct Training {
  lineage::Run run;
  lineage::ArtifactId checkpoint = 0;  // 0: none yet
  std::string label;                   // of the checkpoint, else the name of the step
  train::ReadSet read;
  std::vector<std::filesystem::path> folders;  // its inputs "data"
  std::vector<train::MappedShard> shards;
  std::optional<train::MaskOptions> masks;  // where they are known without the model
};

// All done runs whose checkpoint tells what it read, oldest first; those whose data is gone are passed over with a warning.
std::vector<Training> trainings_of(lineage::Workspace& workspace);

// The training that `text` means (run_argument.h), done or not: one that is under way will read what its config says. Error when
// it is no pretrain or its data is gone.
Training training_of(lineage::Workspace& workspace, const std::string& text);

// The tokenizer of a training: its input, else that with which its data was packed; nothing when neither is there.
std::optional<text::Tokenizer> tokenizer_of(lineage::Workspace& workspace, const lineage::Run& run);

// Checkpoints and models made from a checkpoint, by label, nearest first.
std::vector<std::string> made_from(const lineage::Ledger& ledger, lineage::ArtifactId checkpoint);

}  // namespace cairn::app
