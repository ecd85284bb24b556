// Training checkpoints: a folder that holds all that a run needs to go on to the same bits (docs/format/checkpoint.md).
//
//   config.json, generation_config.json, model.safetensors    the model in float32, a folder that transformers loads
//   optimizer.safetensors    moments, "<moment>.<weight's name>"; absent when left out
//   state.json               counters, and the facts that a resuming run must agree with
//   trace.jsonl              one line a step: bits of the loss and of the gradient norm
//   manifest.json            bytes and SHA-256 of each of the above
//
// Written under another name, synced, then renamed: a folder named step-N is whole, or damaged by something other than a kill.
// The bytes are a function of the training alone: no times, no paths, no machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/json_fwd.h"
#include "engine/model/parameters.h"
#include "engine/train/optimizer.h"

namespace cairn::train {

// What a run counts. Together with weights, moments and the optimizer's own step it is the whole state of a training.
struct TrainState {
  std::int64_t step = 0;     // steps done, skipped ones included
  std::int64_t samples = 0;  // read so far: the loader's position and the clock of the learning rate
  std::int64_t skipped = 0;  // steps whose loss or gradient was not finite
  std::int64_t skipped_in_a_row = 0;
  std::string trace;  // the text of trace.jsonl
};

// Appends the line of one step.
void append_trace(std::string& trace, std::int64_t step, double loss, double grad_norm);

// Writes the files into `folder`, which must not exist or be empty; syncs all of them. `facts` is an object that a resuming run
// must repeat exactly (seed, batch, sequence length, data). `optimizer` may be null.
void write_checkpoint(Disk& disk, const fs::path& folder, const model::Parameters& parameters, const Optimizer* optimizer,
                      const TrainState& state, const Json& facts);

// Empty when every file of the manifest is there with its bytes; else what is wrong: "model.safetensors: SHA-256 differs".
std::string checkpoint_damage(const fs::path& folder);

// Fills weights, moments and counters. The parameters' config and the optimizer's method must be those of the checkpoint, and
// `facts` equal. Error naming the folder and the first difference. Does not hash: see checkpoint_damage.
TrainState read_checkpoint(const fs::path& folder, model::Parameters& parameters, Optimizer& optimizer, const Json& facts);

// The facts of a checkpoint's state.json ("seed", "samples", ...); what why and impact are computed from (read_set.h).
Json read_checkpoint_facts(const fs::path& folder);

// The numbered checkpoints of one run, in one folder: step-00000100, step-00000200, ...
class CheckpointFolder {
 public:
  // Keeps the newest `keep` >= 1 checkpoints. The folder is created; what a kill left half-written is removed.
  CheckpointFolder(Disk& disk, fs::path folder, int keep);

  void save(const model::Parameters& parameters, const Optimizer& optimizer, const TrainState& state, const Json& facts);
  // Loads the newest whole checkpoint, warning about each damaged one that it passes over; nothing when there is none.
  std::optional<TrainState> resume(model::Parameters& parameters, Optimizer& optimizer, const Json& facts);
  std::vector<std::int64_t> steps() const;  // ascending
  fs::path path_of(std::int64_t step) const;

 private:
  Disk& disk_;
  fs::path folder_;
  int keep_;
};

}  // namespace cairn::train
