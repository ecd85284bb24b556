// The config that all steps which train share: optimizer, schedule, clip, spikes, checkpoints; and how they are executed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/schema.h"
#include "engine/steps/step.h"
#include "engine/steps/step_context.h"
#include "engine/train/trainer.h"
#include "kernels/compute_device.h"

namespace cairn::train {

// Config fields "optimizer" and "schedule" with the given defaults, "clip", "precision", "z_loss", "spikes", "ema", and those of
// run_checkpoints.h.
std::vector<Field> training_fields(const Json& optimizer, const Json& schedule);
// Outputs that the config asks for, besides the step's own: "ema", and those of run_checkpoints.h.
std::vector<steps::OutputSpec> training_outputs(const Config& config);
// Runtime fields of the same steps: "device", "backend", "peak_gflops", "recompute", "graphs", "replay_every", "staging_mb".
Schema training_runtime();
// The device that the runtime config names, open; and what it adds to the determinism class (StepSpec::device).
std::unique_ptr<ComputeDevice> open_training_device(const steps::StepContext& context);
std::map<std::string, std::string> training_device_facts(const Json& runtime);
// Of the runtime config, else measured: flops per second that the device reaches in the config's precision.
double peak_flops(const steps::StepContext& context, const ComputeDevice& device);

// What a step's config and runtime say, for a curriculum. Warm-ups of AdEMAMix that the config leaves open last all steps; of
// the schedule: 5% of the steps to warm up, 20% to cool down, and a tenth of the peak at the end.
TrainerConfig read_trainer_config(const steps::StepContext& context, const Curriculum& curriculum);

// Error (usage) when the device has not the memory for it, saying what would fit: before any work is done.
void check_memory(const ComputeDevice& device, const TrainerConfig& config, const model::ModelConfig& model,
                  const Curriculum& curriculum, int threads);

}  // namespace cairn::train
