// The loop that every step which trains shares, with its checkpoints, metrics and stops.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/steps/step_context.h"
#include "engine/train/training_config.h"

namespace cairn::train {

struct TrainingRun {
  steps::StepContext& context;
  Trainer& trainer;
  Json facts;             // what a resuming attempt must agree with
  double peak_flops = 0;  // that MFU is a share of
  ComputeDevice& device;
};

// Resumes from the newest whole checkpoint in the scratch folder, trains to the last step, and writes the outputs "checkpoint"
// and "majors" (run_checkpoints.h). One metrics line a step. Returns the report of the last step that was run here.
StepReport run_training(TrainingRun& run);

}  // namespace cairn::train
