// One training step after another: batch, forward and backward, clip, update. The step reads top to bottom in trainer.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "engine/model/activations.h"
#include "engine/model/parameters.h"
#include "engine/train/curriculum.h"
#include "engine/train/loader.h"
#include "engine/train/optimizer.h"
#include "engine/train/schedule.h"
#include "engine/train/spike_policy.h"
#include "engine/train/train_state.h"
#include "kernels/ops.h"

namespace cairn::train {

struct TrainerConfig {
  OptimizerConfig optimizer;
  LearningRateSchedule schedule;
  double clip = 1.0;  // of the global gradient norm; 0 = never
  SpikeOptions spikes;
  std::int64_t replay_every = 0;  // steps between checks that a micro-batch gives the same gradients twice; 0 = never
};

// Where the time of a step went.
struct StepSeconds {
  double data = 0;   // waiting for the batch
  double model = 0;  // forward and backward
  double clip = 0;
  double optimizer = 0;
  double whole = 0;  // of the step
};

struct StepReport {
  std::int64_t step = 0;  // from 1: the step just done
  double loss = 0;        // mean over the labels that count
  double lr = 0;
  double grad_norm = 0;     // before clipping
  std::string skipped;      // why parameters and moments were left alone (spike_policy.h); empty when they were not
  std::string not_finite;   // where the first value that was not finite came from (nan_trace.h); of the first such step in a row
  std::int64_t stage = 0;   // of the curriculum
  std::int64_t tokens = 0;  // B * T
  StepSeconds seconds;
};

// The batch of a step: at most plan.batch rows of at most plan.sequence_length.
using BatchSource = std::function<TokenBatch(const StepPlan& plan)>;

class Trainer {
 public:
  // Starts from `parameters` with moments of zero, at step 0 of the curriculum. Loss and gradient are means over all labels of a
  // batch that count, so micro_batch changes nothing but rounding. `context` and what `source` refers to must outlive the
  // trainer.
  Trainer(Context& context, const TrainerConfig& config, model::Parameters parameters, Curriculum curriculum, BatchSource source);

  // Error once more steps were left out than spikes allows (naming the reason and, where values were not finite, where the first
  // came from), when a replayed micro-batch gave other gradients, and when the curriculum has no further step.
  StepReport step();

  model::Parameters& parameters() { return parameters_; }
  Optimizer& optimizer() { return optimizer_; }
  TrainState& state() { return state_; }
  const Curriculum& curriculum() const { return curriculum_; }
  StateFields state_fields();  // all that the next step depends on, each thing once
  const model::Activations& activations() const { return activations_; }
  std::int64_t planned_bytes() const;  // of weights, gradients, moments and activations

 private:
  double forward_backward(Context& context, TokenBatch& batch, std::int64_t micro_batch);
  double micro_batch_pass(Context& context, TokenBatch& batch, std::int64_t begin, std::int64_t end);
  void replay(TokenBatch& batch, std::int64_t micro_batch);
  std::string trace(TokenBatch& batch, std::int64_t micro_batch);
  void count(const StepReport& report);
  void give_up_on_too_many_skips(const StepReport& report) const;

  Context& context_;
  TrainerConfig config_;
  Curriculum curriculum_;
  BatchSource source_;
  model::Parameters parameters_, gradients_;
  Optimizer optimizer_;
  model::Activations activations_;
  TrainState state_;
  std::string not_finite_;  // of the last such step that was traced
};

}  // namespace cairn::train
