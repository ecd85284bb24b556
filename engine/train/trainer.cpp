#include "engine/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "engine/model/forward.h"

namespace cairn::train {

namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Views of rows [begin, end); the batch keeps the memory.
model::Batch rows_of(TokenBatch& batch, std::int64_t begin, std::int64_t end) {
  const auto i32 = [&](std::vector<std::int32_t>& values) {
    return Tensor(values.data() + begin * batch.T, Dtype::i32, {end - begin, batch.T});
  };
  return {i32(batch.tokens), i32(batch.positions), i32(batch.first_key), i32(batch.labels),
          Tensor(batch.weights.data() + begin * batch.T, Dtype::f32, {end - begin, batch.T})};
}

}  // namespace

Trainer::Trainer(Context& context, const TrainerConfig& config, model::Parameters parameters, Curriculum curriculum,
                 BatchSource source)
    : context_(context),
      config_(config),
      curriculum_(std::move(curriculum)),
      source_(std::move(source)),
      parameters_(std::move(parameters)),
      gradients_(parameters_.config(), parameters_.dtype()),
      optimizer_(config.optimizer, parameters_),
      activations_(parameters_.config(), parameters_.dtype(), curriculum_.largest_micro_batch_tokens(), model::Purpose::training,
                   curriculum_.longest_sequence()) {
  config_.schedule.check();
}

StepReport Trainer::step() {
  const double begin = seconds_now();
  const StepPlan plan = curriculum_.at(state_.step);
  TokenBatch batch = source_(plan);
  const double lr = config_.schedule.at(state_.samples);

  const double model_begin = seconds_now();
  gradients_.zero();
  const double loss = forward_backward(batch, plan.micro_batch);
  const double model_end = seconds_now();

  const double grad_norm = clip_gradients(context_, gradients_, config_.clip);
  const bool finite = std::isfinite(loss) && std::isfinite(grad_norm);
  if (finite) optimizer_.update(context_, parameters_, gradients_, lr);

  ++state_.step;
  state_.samples += batch.B;
  state_.skipped += !finite;
  state_.skipped_in_a_row = finite ? 0 : state_.skipped_in_a_row + 1;
  append_trace(state_.trace, state_.step, loss, grad_norm);
  if (state_.skipped_in_a_row >= config_.max_skips_in_a_row) {
    fail(
        "step {}: loss {} and gradient norm {} after {} steps in a row that were not finite; lower the learning rate or look at "
        "the data",
        state_.step, loss, grad_norm, state_.skipped_in_a_row);
  }
  const double end = seconds_now();
  return {state_.step,    loss, lr, grad_norm, !finite, plan.stage, batch.B * batch.T, end - begin, model_end - model_begin,
          end - model_end};
}

StateFields Trainer::state_fields() {
  StateFields fields = train::state_fields(state_);
  fields.push_back({"optimizer_steps", &optimizer_.step_counter()});
  fields.push_back({kWeights, parameters_.all()});
  for (const Moment& moment : optimizer_.moments()) fields.push_back({moment.name, moment.tensors});
  return fields;
}

double Trainer::forward_backward(TokenBatch& batch, std::int64_t micro_batch) {
  const float share = batch.weighted > 0 ? 1.0f / static_cast<float>(batch.weighted) : 0.0f;
  for (float& weight : batch.weights) weight *= share;
  double loss = 0;
  for (std::int64_t row = 0; row < batch.B; row += micro_batch) {
    const model::Batch rows = rows_of(batch, row, std::min(row + micro_batch, batch.B));
    loss += model::train_forward_backward(context_, parameters_, gradients_, activations_, rows);
  }
  return loss;
}

}  // namespace cairn::train
