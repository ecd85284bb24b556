// Training checkpoints: a folder that holds all that a run needs to go on to the same bits (docs/format/checkpoint.md).
//
//   config.json, generation_config.json, model.safetensors    the model in float32, a folder that transformers loads
//   optimizer.safetensors    moments, "<moment>.<weight's name>"; absent when left out
//   state.json               the numbers of the state, and the facts that a resuming run must agree with
//   trace.jsonl              one line a step: bits of the loss and of the gradient norm
//   manifest.json            bytes and SHA-256 of each of the above
//
// Written under another name, synced, then renamed: a folder named step-N is whole, or damaged by something other than a kill.
// The bytes are a function of the training alone: no times, no paths, no machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/json_fwd.h"
#include "engine/model/config.h"
#include "engine/train/train_state.h"

namespace cairn::train {

// Writes the files into `folder`, which must not exist or be empty; syncs all of them. `state` has the field kWeights of a model
// of `config`. `facts` is an object that a resuming run must repeat exactly (seed, batch, sequence length, data).
void write_checkpoint(Disk& disk, const fs::path& folder, const model::ModelConfig& config, const StateFields& state,
                      const Json& facts);
// The state without its tensors, except for the weights: enough to use the model, not to go on with its training.
StateFields without_moments(const StateFields& state);

// Empty when every file of the manifest is there with its bytes; else what is wrong: "model.safetensors: SHA-256 differs".
std::string checkpoint_damage(const fs::path& folder);

// Fills every field of `state`. The checkpoint must hold the same fields, tensors of the same names and shapes, and equal
// `facts`: Error naming the folder and the first difference otherwise. Does not hash: see checkpoint_damage.
void read_checkpoint(const fs::path& folder, const StateFields& state, const Json& facts);

// The facts of a checkpoint's state.json ("seed", "samples", ...); what why and impact are computed from (read_set.h).
Json read_checkpoint_facts(const fs::path& folder);

// The numbered checkpoints of one run, in one folder: step-00000100, step-00000200, ...
class CheckpointFolder {
 public:
  // Keeps the newest `keep` >= 1 checkpoints. The folder is created; what a kill left half-written is removed.
  CheckpointFolder(Disk& disk, fs::path folder, int keep);

  void save(std::int64_t step, const model::ModelConfig& config, const StateFields& state, const Json& facts);
  // Loads the newest whole checkpoint, warning about each damaged one that it passes over; false when there is none.
  bool resume(const StateFields& state, const Json& facts);
  std::vector<std::int64_t> steps() const;  // ascending
  fs::path path_of(std::int64_t step) const;

 private:
  Disk& disk_;
  fs::path folder_;
  int keep_;
};

}  // namespace cairn::train
