// Training checkpoints: a folder that holds all that a run needs to go on to the same bits (docs/format/checkpoint.md).
//
//   config.json, generation_config.json, model*.safetensors[.index.json]    the model, a folder that transformers loads
//   optimizer*.safetensors    the other tensors of the state, "<field>.<tensor>"; absent when left out
//   state.json                the numbers of the state, and the facts that a resuming run must agree with
//   trace.jsonl               one line a step: bits of the loss and of the gradient norm
//   manifest.json             bytes and SHA-256 of each of the above, of tensors in pieces
//
// checkpoint_folder.h keeps the numbered checkpoints of a run.
#pragma once

#include <filesystem>
#include <string>

#include "base/disk.h"
#include "base/json_fwd.h"
#include "base/thread_pool.h"
#include "engine/model/config.h"
#include "engine/train/checkpoint_files.h"
#include "engine/train/checkpoint_reader.h"
#include "engine/train/train_state.h"

namespace cairn::train {

// What a checkpoint of `state` is made of; texts are copies, tensors are views, of a device's memory as the work asked for up to
// now leaves it. `state` has the field kWeights of a model of
// `config`. `facts` is an object that a resuming run must repeat exactly (seed, batch, sequence length, data).
CheckpointFiles checkpoint_files(const model::ModelConfig& config, const StateFields& state, const Json& facts,
                                 const CheckpointCut& cut = {});
// The state without its tensors, except for the weights: enough to use the model, not to go on with its training.
StateFields without_moments(const StateFields& state);

// Writes the files into `folder`, which must not exist or be empty; syncs all of them.
void write_checkpoint(Disk& disk, const fs::path& folder, const model::ModelConfig& config, const StateFields& state,
                      const Json& facts, const CheckpointCut& cut = {});

// Empty when every file of the manifest is there with its bytes; else what is wrong: "model.safetensors: tensor 'lm_head.weight',
// bytes 0..2560: SHA-256 differs".
std::string checkpoint_damage(const fs::path& folder, ThreadPool* threads = nullptr);

// Fills every field of `state`. The checkpoint must hold the same fields, tensors of the same names, shapes and types, and equal
// `facts`: Error naming the folder and the first difference otherwise, and then nothing of `state` has changed. Does not hash:
// see CheckpointReader::verify.
void read_checkpoint(const CheckpointReader& checkpoint, const StateFields& state, const Json& facts);

// The facts of a checkpoint's state.json ("seed", "samples", ...); what why and impact are computed from (read_set.h).
Json read_checkpoint_facts(const fs::path& folder);

}  // namespace cairn::train
