#include "engine/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string_view>

#include "base/error.h"
#include "base/hash.h"
#include "engine/model/forward.h"
#include "engine/train/nan_trace.h"

namespace cairn::train {

namespace {

struct Phase {
  const char* name;
  double StepSeconds::*seconds;
};
constexpr const char *kData = "data", *kReplay = "replay", *kForward = "forward", *kBackward = "backward", *kClip = "clip",
                     *kOptimizer = "optimizer";
constexpr Phase kPhases[] = {{kData, &StepSeconds::data},       {kReplay, &StepSeconds::replay},
                             {kForward, &StepSeconds::forward}, {kBackward, &StepSeconds::backward},
                             {kClip, &StepSeconds::clip},       {kOptimizer, &StepSeconds::optimizer}};

// Views of rows [begin, end); the batch keeps the memory.
model::Batch rows_of(TokenBatch& batch, std::int64_t begin, std::int64_t end) {
  const auto i32 = [&](std::vector<std::int32_t>& values) {
    return Tensor(values.data() + begin * batch.T, Dtype::i32, {end - begin, batch.T});
  };
  return {i32(batch.tokens), i32(batch.positions), i32(batch.first_key), i32(batch.labels),
          Tensor(batch.weights.data() + begin * batch.T, Dtype::f32, {end - begin, batch.T})};
}

// Every label that counts weighs the same, whatever micro-batch it is in.
void share_weights(TokenBatch& batch) {
  const float share = batch.weighted > 0 ? 1.0f / static_cast<float>(batch.weighted) : 0.0f;
  for (float& weight : batch.weights) weight *= share;
}

Digest digest_of(const model::Parameters& gradients) {
  Sha256 hash;
  in_waves(gradients.flat(), [&](const Tensor& part) {
    hash.update(std::string_view(part.as<const char>(), static_cast<std::size_t>(part.bytes())));
  });
  return hash.finish();
}

}  // namespace

Trainer::Trainer(Context& context, const TrainerConfig& config, model::Parameters parameters, Curriculum curriculum,
                 BatchSource source)
    : context_(context),
      config_(config),
      placement_(context.memory(), config.offload),
      curriculum_(std::move(curriculum)),
      source_(std::move(source)),
      clock_(make_work_clock(context)),
      parameters_(model::moved_to(placement_.masters(), std::move(parameters))),
      gradients_(parameters_.config(), parameters_.dtype(), placement_.compute()),
      optimizer_(config.optimizer, parameters_, placement_),
      activations_(parameters_.config(), config.bf16 ? Dtype::bf16 : parameters_.dtype(),
                   curriculum_.largest_micro_batch_tokens(), model::Purpose::training, curriculum_.longest_sequence(),
                   config.recompute, context.memory(), {placement_.residuals_beside(), config.fp8}),
      batch_memory_(parameters_.config(), activations_.max_tokens(), activations_.max_positions(), context.memory()),
      passes_(context, "training") {
  config_.schedule.check();
  ArenaPlan losses;
  const ArenaSlot slot = losses.add("losses", activations_.losses.dtype, {curriculum_.largest_batch_tokens()});
  loss_memory_ = Arena(losses, context.memory());
  losses_ = loss_memory_.tensor(slot);
  if (config.fp8 && !config.bf16) fail("8-bit products need bf16 around them");
  if (config.offload.masters && !config.bf16)
    fail_usage("offload masters: in f32 they are what computes; only bf16 has weights beside them");
  if (config.bf16) copy_.emplace(parameters_.config(), Dtype::bf16, placement_.compute());
  if (config.average) average_.emplace(*config.average, parameters_);
}

StepReport Trainer::step() {
  const auto begin = std::chrono::steady_clock::now();
  mark(kData);
  const StepPlan plan = curriculum_.at(state_.step);
  StepReport report;
  report.step = plan.step + 1;
  report.stage = plan.stage;
  report.lr = config_.schedule.at(plan.tokens);
  enter_stage(plan);
  refresh_copy();
  if (config_.fp8) activations_.make_fp8_weights(context_, compute_weights());  // once for all micro-batches

  TokenBatch batch = source_(plan);
  share_weights(batch);
  report.tokens = batch.B * batch.T;

  if (config_.replay_every > 0 && report.step % config_.replay_every == 0) replay(batch, plan.micro_batch);

  report.loss = forward_backward(context_, batch, plan.micro_batch);

  mark(kClip);
  report.grad_norm = gradient_norm(context_, gradients_);
  report.skipped = reason_to_skip(state_.recent_losses, state_.recent_grad_norms, report.loss, report.grad_norm, config_.spikes);

  mark(kOptimizer);
  if (report.skipped.empty()) update(report);
  mark(nullptr);
  read_clock(report.seconds);

  const bool finite = std::isfinite(report.loss) && std::isfinite(report.grad_norm);
  if (!finite && state_.skipped_in_a_row == 0) report.not_finite = trace(batch, plan.micro_batch);
  count(report);
  give_up_on_too_many_skips(report);
  report.seconds.whole = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return report;
}

// A stage may stretch the rotary positions.
void Trainer::enter_stage(const StepPlan& plan) {
  if (plan.rope_theta == rope_theta_) return;
  const model::ModelConfig& model = parameters_.config();
  activations_.set_rope(plan.rope_theta.value_or(model.rope_theta), model.rope_scaling);
  rope_theta_ = plan.rope_theta;
}

// At the start, and when a checkpoint has been read into the parameters.
void Trainer::refresh_copy() {
  if (!copy_ || copied_at_ == state_.step) return;
  std::vector<std::int64_t> sizes;
  for (const model::NamedTensor& weight : parameters_.all()) sizes.push_back(weight.tensor.size());
  const std::vector<TensorPart> parts = parts_of(sizes, kStagedElements);
  const auto part = [&](const model::Parameters& of, std::size_t i) {
    const Tensor& tensor = of.all()[parts[i].index].tensor;
    return tensor.reshape({tensor.size()}).rows(parts[i].begin, parts[i].end);
  };
  optimizer_.staging().run(
      parts.size(), [&](std::size_t i) { return std::vector<StagedTensor>{{part(parameters_, i)}}; },
      [&](std::size_t i, std::span<const Tensor> master) { ops::convert(context_, part(*copy_, i), master[0]); });
  copied_at_ = state_.step;
}

void Trainer::update(const StepReport& report) {
  if (before_update_) before_update_();
  const double scale = clip_scale(report.grad_norm, config_.clip);
  optimizer_.update(context_, parameters_, gradients_, report.lr, scale, copy_ ? &*copy_ : nullptr);
  if (average_) average_->after_step(context_, optimizer_.staging(), report.step, parameters_);
}

double Trainer::forward_backward(Context& context, TokenBatch& batch, std::int64_t micro_batch) {
  gradients_.zero();
  for (std::int64_t row = 0; row < batch.B; row += micro_batch)
    micro_batch_pass(context, batch, row, std::min(row + micro_batch, batch.B));
  return sum_of_losses(batch, micro_batch);
}

// Waits for the passes, once for all: each pass in the order of its tokens, then passes in their order.
double Trainer::sum_of_losses(const TokenBatch& batch, std::int64_t micro_batch) const {
  const std::int64_t pass = micro_batch * batch.T;
  std::int64_t token = 0;
  double total = 0, of_pass = 0;
  in_waves(losses_.rows(0, batch.B * batch.T), [&](const Tensor& losses) {
    for (std::int64_t i = 0; i < losses.size(); ++i) {
      of_pass += losses.dtype == Dtype::f64 ? losses.as<const double>()[i] : double(losses.as<const float>()[i]);
      if (++token % pass == 0) total += std::exchange(of_pass, 0);
    }
  });
  return total + of_pass;
}

void Trainer::micro_batch_pass(Context& context, TokenBatch& batch, std::int64_t begin, std::int64_t end) {
  mark(kForward);
  const model::Batch rows = batch_memory_.there(rows_of(batch, begin, end));
  activations_.shape(end - begin, batch.T);
  // What a watched context does cannot be recorded: somebody looks in between.
  const auto ask = [&](bool backward, const std::function<void()>& work) {
    if (!config_.graphs || &context != &context_) return work();
    passes_.ask({end - begin, batch.T, backward}, work);
  };
  ask(false, [&] { model::train_forward(context, compute_weights(), gradients_, activations_, rows, config_.z_loss); });
  mark(kBackward);
  ask(true, [&] { model::train_backward(context, compute_weights(), gradients_, activations_, rows); });
  copy(losses_.rows(begin * batch.T, end * batch.T), activations_.losses);
}

void Trainer::mark(const char* phase) {
  if (marking_) clock_->mark(phase);
}

void Trainer::read_clock(StepSeconds& seconds) {
  clock_->read([&](const char* name, double spent) {
    for (const Phase& phase : kPhases) {
      if (phase.name == name) seconds.*phase.seconds += spent;
    }
  });
}

// Computes the first micro-batch twice. Equal arguments give equal bits here, so a difference is the machine's.
void Trainer::replay(TokenBatch& batch, std::int64_t micro_batch) {
  mark(kReplay);
  marking_ = false;
  const auto digest = [&] {
    gradients_.zero();
    micro_batch_pass(context_, batch, 0, std::min(micro_batch, batch.B));
    return digest_of(gradients_).hex().substr(0, 16);
  };
  const std::string first = digest(), second = digest();
  marking_ = true;
  if (first == second) return;
  fail(
      "step {}: the same micro-batch gave gradients {} and then {}: this machine does not compute reliably. Nothing of this step "
      "was kept; go on from the last checkpoint on another machine",
      state_.step + 1, first, second);
}

std::string Trainer::trace(TokenBatch& batch, std::int64_t micro_batch) {
  marking_ = false;
  const std::string found = first_non_finite(context_, compute_weights(), gradients_, activations_,
                                             [&](Context& watched) { forward_backward(watched, batch, micro_batch); });
  marking_ = true;
  return found.empty() ? "computed again, all values are finite: this machine may not compute reliably" : found;
}

void Trainer::count(const StepReport& report) {
  const bool skipped = !report.skipped.empty();
  state_.step = report.step;
  copied_at_ = report.step;
  state_.skipped += skipped;
  state_.skipped_in_a_row = skipped ? state_.skipped_in_a_row + 1 : 0;
  if (!report.not_finite.empty()) not_finite_ = report.not_finite;
  remember(state_.recent_losses, report.loss, config_.spikes.window);
  remember(state_.recent_grad_norms, report.grad_norm, config_.spikes.window);
  append_trace(state_.trace, report.step, report.loss, report.grad_norm);
}

void Trainer::give_up_on_too_many_skips(const StepReport& report) const {
  const bool in_a_row = state_.skipped_in_a_row >= config_.spikes.max_in_a_row;
  if (report.skipped.empty() || (!in_a_row && state_.skipped < config_.spikes.max_skipped)) return;
  const bool finite = std::isfinite(report.loss) && std::isfinite(report.grad_norm);
  fail("step {}: {}; {} steps were left out{}{}. Lower the learning rate or look at the data", report.step, report.skipped,
       in_a_row ? state_.skipped_in_a_row : state_.skipped, in_a_row ? " in a row" : " in all",
       finite || not_finite_.empty() ? "" : "; the first: " + not_finite_);
}

StateFields Trainer::state_fields() {
  StateFields fields = train::state_fields(state_);
  fields.push_back({"optimizer_steps", &optimizer_.step_counter()});
  fields.push_back({kWeights, parameters_.all()});
  for (const Moment& moment : optimizer_.moments()) fields.push_back({moment.name, moment.tensors});
  if (average_) fields.push_back({"ema", average_->values().all()});
  return fields;
}

model::ModelConfig Trainer::model_config() const {
  model::ModelConfig model = parameters_.config();
  if (state_.step > 0) model.rope_theta = curriculum_.at(state_.step - 1).rope_theta.value_or(model.rope_theta);
  return model;
}

std::int64_t Trainer::planned_bytes() const {
  return parameters_.bytes() + gradients_.bytes() + optimizer_.bytes() + activations_.plan().bytes() + batch_memory_.bytes() +
         losses_.bytes() + (copy_ ? copy_->bytes() : 0) + (average_ ? average_->values().bytes() : 0);
}

}  // namespace cairn::train
