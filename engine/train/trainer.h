// One training step after another: batch, forward and backward, clip, update. The step reads top to bottom in trainer.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "engine/model/activations.h"
#include "engine/model/batch.h"
#include "engine/model/parameters.h"
#include "engine/train/curriculum.h"
#include "engine/train/loader.h"
#include "engine/train/optimizer.h"
#include "engine/train/schedule.h"
#include "engine/train/spike_policy.h"
#include "engine/train/train_state.h"
#include "engine/train/weight_average.h"
#include "kernels/ops.h"
#include "kernels/work_clock.h"
#include "kernels/work_graph.h"

namespace cairn::train {

struct TrainerConfig {
  OptimizerConfig optimizer;
  LearningRateSchedule schedule;
  double clip = 1.0;  // of the global gradient norm; 0 = never
  SpikeOptions spikes;
  bool bf16 = false;           // compute in bfloat16, from a copy of the float32 weights that is rounded after each update
  bool fp8 = false;            // and the products inside blocks in 8 bits (engine/model/block.h); with bf16
  double z_loss = 0;           // of each label that counts: z_loss * logsumexp(logits)^2 (kernels/ops.h)
  model::Recompute recompute;  // what the backward computes again
  std::optional<WeightAverageOptions> average;
  Offload offload;                // what lies beside the device that computes
  bool graphs = false;            // on a device: a pass is recorded, and asked for as one thing from its second time on
  std::int64_t replay_every = 0;  // steps between checks that a micro-batch gives the same gradients twice; 0 = never
};

// Where the time of a step went, by the clock of what computes (kernels/work_clock.h).
struct StepSeconds {
  double data = 0;     // waiting for the batch
  double forward = 0;  // with the loss, and the gradients of the head
  double backward = 0;
  double replay = 0;
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
  // Starts from `parameters`, float32 or float64, with moments of zero, at step 0 of the curriculum. Loss and gradient are means
  // over all labels of a batch that count, so micro_batch changes nothing but rounding. All that it computes with lies in the
  // context's memory, where `parameters` go, but for what config.offload names. `context` and what `source` refers to must
  // outlive the trainer.
  Trainer(Context& context, const TrainerConfig& config, model::Parameters parameters, Curriculum curriculum, BatchSource source);

  // Error once more steps were left out than spikes allows (naming the reason and, where values were not finite, where the first
  // came from), when a replayed micro-batch gave other gradients, and when the curriculum has no further step.
  StepReport step();

  model::Parameters& parameters() { return parameters_; }
  Optimizer& optimizer() { return optimizer_; }
  TrainState& state() { return state_; }
  const Curriculum& curriculum() const { return curriculum_; }
  // All that the next step depends on, each thing once. What is written into them counts from the next step on.
  StateFields state_fields();
  // `hook` is called before weights, moments or averages change: whoever still reads them on a device makes it wait. Null: none.
  void before_update(std::function<void()> hook) { before_update_ = std::move(hook); }
  // The model's config as of the last step done: a stage may have changed its rotary base.
  model::ModelConfig model_config() const;
  const model::Parameters* average() const { return average_ ? &average_->values() : nullptr; }
  const model::Activations& activations() const { return activations_; }
  std::int64_t planned_bytes() const;  // of weights, gradients, moments and activations, wherever they lie

 private:
  void enter_stage(const StepPlan& plan);
  void refresh_copy();
  void update(const StepReport& report);
  double forward_backward(Context& context, TokenBatch& batch, std::int64_t micro_batch);
  void micro_batch_pass(Context& context, TokenBatch& batch, std::int64_t begin, std::int64_t end);
  double sum_of_losses(const TokenBatch& batch, std::int64_t micro_batch) const;
  void mark(const char* phase);
  void read_clock(StepSeconds& seconds);
  const model::Parameters& compute_weights() const { return copy_ ? *copy_ : parameters_; }
  void replay(TokenBatch& batch, std::int64_t micro_batch);
  std::string trace(TokenBatch& batch, std::int64_t micro_batch);
  void count(const StepReport& report);
  void give_up_on_too_many_skips(const StepReport& report) const;

  Context& context_;
  TrainerConfig config_;
  Placement placement_;
  Curriculum curriculum_;
  BatchSource source_;
  std::unique_ptr<WorkClock> clock_;
  bool marking_ = true;  // what is computed once more is not taken for the step's own
  model::Parameters parameters_, gradients_;
  std::optional<model::Parameters> copy_;  // of the parameters, in bfloat16
  std::int64_t copied_at_ = -1;            // the step that the copy is of
  std::optional<WeightAverage> average_;
  Optimizer optimizer_;
  model::Activations activations_;
  model::BatchMemory batch_memory_;
  Arena loss_memory_;  // of a step: each token's weighted loss, where they are computed
  Tensor losses_;
  std::optional<double> rope_theta_;  // that the rotary tables are filled for; none = the model's own
  RepeatedWork passes_;               // by rows, length, and forward or backward
  TrainState state_;
  std::function<void()> before_update_;
  std::string not_finite_;  // of the last such step that was traced
};

}  // namespace cairn::train
