// One training step after another: batch, forward and backward, clip, update. The step reads top to bottom in trainer.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "engine/model/activations.h"
#include "engine/model/parameters.h"
#include "engine/train/curriculum.h"
#include "engine/train/loader.h"
#include "engine/train/optimizer.h"
#include "engine/train/schedule.h"
#include "engine/train/train_state.h"
#include "kernels/ops.h"

namespace cairn::train {

struct TrainerConfig {
  OptimizerConfig optimizer;
  LearningRateSchedule schedule;
  double clip = 1.0;                     // of the global gradient norm; 0 = never
  std::int64_t max_skips_in_a_row = 10;  // steps that are not finite, before the training gives up
};

struct StepReport {
  std::int64_t step = 0;  // from 1: the step just done
  double loss = 0;        // mean over the labels that count
  double lr = 0;
  double grad_norm = 0;          // before clipping
  bool skipped = false;          // loss or gradient was not finite: parameters and moments were left alone
  std::int64_t stage = 0;        // of the curriculum
  std::int64_t tokens = 0;       // B * T
  double seconds = 0;            // of the whole step
  double model_seconds = 0;      // forward and backward
  double optimizer_seconds = 0;  // norm, clip and update
};

// The batch of a step: at most plan.batch rows of at most plan.sequence_length.
using BatchSource = std::function<TokenBatch(const StepPlan& plan)>;

class Trainer {
 public:
  // Starts from `parameters` with moments of zero, at step 0 of the curriculum. Loss and gradient are means over all labels of a
  // batch that count, so micro_batch changes nothing but rounding. `context` and what `source` refers to must outlive the
  // trainer.
  Trainer(Context& context, const TrainerConfig& config, model::Parameters parameters, Curriculum curriculum, BatchSource source);

  // Error once max_skips_in_a_row steps in a row were not finite, and when the curriculum has no further step.
  StepReport step();

  model::Parameters& parameters() { return parameters_; }
  Optimizer& optimizer() { return optimizer_; }
  TrainState& state() { return state_; }
  const Curriculum& curriculum() const { return curriculum_; }
  StateFields state_fields();  // all that the next step depends on, each thing once
  const model::Activations& activations() const { return activations_; }

 private:
  double forward_backward(TokenBatch& batch, std::int64_t micro_batch);

  Context& context_;
  TrainerConfig config_;
  Curriculum curriculum_;
  BatchSource source_;
  model::Parameters parameters_, gradients_;
  Optimizer optimizer_;
  model::Activations activations_;
  TrainState state_;
};

}  // namespace cairn::train
