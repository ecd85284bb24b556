// What every step that trains shares: the config of optimizer and schedule, and the loop with its checkpoints, metrics, and
// stops.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/schema.h"
#include "engine/steps/step_context.h"
#include "engine/train/trainer.h"

namespace cairn::train {

// Config fields "optimizer" and "schedule" with the given defaults, "clip", "max_skips", "checkpoint_every", "keep_checkpoints"
// and "optimizer_state".
std::vector<Field> training_fields(const Json& optimizer, const Json& schedule);
// Runtime fields of the same steps: "backend", "peak_gflops".
Schema training_runtime();
// Of the runtime config, else measured: flops per second that this machine reaches.
double peak_flops(const steps::StepContext& context);

// Optimizer, schedule and clip of a config for a curriculum. Warm-ups of AdEMAMix that the config leaves open last all steps; of
// the schedule: 5% of the steps to warm up, 20% to cool down, and a tenth of the peak at the end.
TrainerConfig read_trainer_config(const Config& config, const Curriculum& curriculum);

struct TrainingRun {
  steps::StepContext& context;
  Trainer& trainer;
  Json facts;                  // what a resuming attempt must agree with
  double flops_per_token = 0;  // of a training step, for MFU
  double peak_flops = 0;       // that MFU is a share of
};

// Resumes from the newest whole checkpoint in the scratch folder, trains to the last step, and writes the output "checkpoint". A
// requested stop writes a checkpoint first. One metrics line a step. Returns the report of the last step that was run here.
StepReport run_training(TrainingRun& run);

}  // namespace cairn::train
