#include "engine/train/training_run.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "base/log.h"
#include "engine/train/checkpoint.h"
#include "kernels/cpu/peak.h"

namespace cairn::train {

namespace {

Schema optimizer_schema() {
  const auto shared = [](double beta2) {
    return std::vector<Field>{
        field("beta1", number().min(0).max(1).def(0.9), "decay of the fast moment"),
        field("beta2", number().min(0).max(1).def(beta2), "decay of the squared gradient"),
        field("eps", number().min(0).def(1e-8), "added to the denominator"),
        field("weight_decay", number().min(0).def(0.1), "decoupled; on matrices only"),
    };
  };
  std::vector<Field> ademamix = shared(0.999);
  ademamix.push_back(field("beta3", number().min(0).max(1).def(0.9999), "decay of the slow moment"));
  ademamix.push_back(field("alpha", number().min(0).def(8.0), "weight of the slow moment"));
  ademamix.push_back(
      field("alpha_warmup", integer().min(0).def(nullptr), "steps over which alpha grows; all steps when left out"));
  ademamix.push_back(
      field("beta3_warmup", integer().min(0).def(nullptr), "steps over which beta3 grows; all steps when left out"));
  return tagged("name", {{"adamw", shared(0.95), "AdamW (Loshchilov & Hutter 2019)"},
                         {"ademamix", ademamix, "AdEMAMix (Pagliardini et al. 2024), as Apertus was trained"}});
}

Schema schedule_schema() {
  return object({
      field("name", string().one_of({"wsd", "cosine", "linear", "constant"}).def("wsd"),
            "wsd: warm-up, stable, 1 - sqrt cooldown"),
      field("lr", number().min(0).def(1e-3), "peak learning rate"),
      field("init_lr", number().min(0).def(0.0), "at the first step, where there is a warm-up"),
      field("min_lr", number().min(0).def(nullptr), "at the end; a tenth of the peak when left out"),
      field("warmup_steps", integer().min(0).def(nullptr), "warmup_share of the steps when left out"),
      field("warmup_share", number().min(0).max(1).def(0.05), "of all steps"),
      field("cooldown_steps", integer().min(0).def(nullptr), "of wsd; cooldown_share of the steps when left out"),
      field("cooldown_share", number().min(0).max(1).def(0.2), "of all steps"),
  });
}

std::int64_t integer_or(const Config& config, std::string_view name, std::int64_t otherwise) {
  return config.has(name) ? config.integer(name) : otherwise;
}

std::int64_t share_of(std::int64_t steps, double share) {
  return static_cast<std::int64_t>(std::llround(static_cast<double>(steps) * share));
}

// Samples read before step `step`, 0 <= step <= steps().
std::int64_t samples_before(const Curriculum& curriculum, std::int64_t step) {
  return step < curriculum.steps() ? curriculum.at(step).samples : curriculum.samples();
}

Json metrics_of(const TrainingRun& run, const StepReport& report) {
  const StepPlan plan = run.trainer.curriculum().at(report.step - 1);
  const double tokens_per_second = static_cast<double>(report.tokens) / report.seconds;
  Json line = {{"step", report.step},
               {"steps", run.trainer.curriculum().steps()},
               {"lr", report.lr},
               {"stage", report.stage},
               {"samples", plan.samples + plan.batch},
               {"tokens", plan.tokens + plan.batch * plan.sequence_length},
               {"tokens_per_s", tokens_per_second},
               {"step_s", report.seconds},
               {"model_s", report.model_seconds},
               {"optimizer_s", report.optimizer_seconds},
               {"mfu", tokens_per_second * run.flops_per_token / run.peak_flops}};
  // Canonical JSON has no NaN: a step that was skipped says so instead.
  if (std::isfinite(report.loss)) line["loss"] = report.loss;
  if (std::isfinite(report.grad_norm)) line["grad_norm"] = report.grad_norm;
  if (report.skipped) line["skipped"] = true;
  return line;
}

}  // namespace

std::vector<Field> training_fields(const Json& optimizer, const Json& schedule) {
  return {
      field("optimizer", optimizer_schema().def(optimizer), "what turns gradients into updates"),
      field("schedule", schedule_schema().def(schedule), "of the learning rate, over samples read"),
      field("clip", number().min(0).def(1.0), "largest global gradient norm; 0 = no limit"),
      field("max_skips", integer().min(1).def(10), "steps in a row that may be skipped because loss or gradient is not finite"),
      field("checkpoint_every", integer().min(1).def(100), "steps"),
      field("keep_checkpoints", integer().min(1).def(2), "of those that a killed run resumes from"),
      field("optimizer_state", boolean().def(true), "keep the optimizer's moments in the output, so that training can go on"),
  };
}

Schema training_runtime() {
  return object({
      field("backend", string().one_of({"cpu", "ref"}).def("cpu"), "who computes; ref is slow and exact"),
      field("peak_gflops", number().above(0).def(nullptr), "what MFU is measured against; found out at the start when left out"),
  });
}

double peak_flops(const steps::StepContext& ctx) {
  return ctx.runtime().has("peak_gflops") ? ctx.runtime().number("peak_gflops") * 1e9 : measure_peak_flops(ctx.threads());
}

TrainerConfig read_trainer_config(const Config& config, const Curriculum& curriculum) {
  const std::int64_t steps = curriculum.steps();
  TrainerConfig result;
  const Config optimizer = config.object("optimizer");
  OptimizerConfig& o = result.optimizer;
  o.method = optimizer_method(optimizer.string("name"));
  o.beta1 = optimizer.number("beta1");
  o.beta2 = optimizer.number("beta2");
  o.eps = optimizer.number("eps");
  o.weight_decay = optimizer.number("weight_decay");
  if (o.method == OptimizerConfig::Method::ademamix) {
    o.beta3 = optimizer.number("beta3");
    o.alpha = optimizer.number("alpha");
    o.alpha_warmup = integer_or(optimizer, "alpha_warmup", steps);
    o.beta3_warmup = integer_or(optimizer, "beta3_warmup", steps);
  }
  const Config schedule = config.object("schedule");
  LearningRateSchedule& s = result.schedule;
  s.shape = schedule_shape(schedule.string("name"));
  s.initial = schedule.number("init_lr");
  s.peak = schedule.number("lr");
  s.floor = schedule.has("min_lr") ? schedule.number("min_lr") : s.peak / 10;
  const std::int64_t warmup = integer_or(schedule, "warmup_steps", share_of(steps, schedule.number("warmup_share")));
  const std::int64_t cooldown = s.shape == LearningRateSchedule::Shape::wsd
                                    ? integer_or(schedule, "cooldown_steps", share_of(steps, schedule.number("cooldown_share")))
                                    : 0;
  if (s.shape != LearningRateSchedule::Shape::constant && (warmup > steps || cooldown > steps - warmup)) {
    fail_usage("schedule: warm-up of {} and cooldown of {} steps do not fit into {}", warmup, cooldown, steps);
  }
  s.total_samples = curriculum.samples();
  s.warmup_samples = samples_before(curriculum, std::min(warmup, steps));
  s.cooldown_samples = s.total_samples - samples_before(curriculum, steps - cooldown);
  s.check();
  result.clip = config.number("clip");
  result.max_skips_in_a_row = config.integer("max_skips");
  return result;
}

StepReport run_training(TrainingRun& run) {
  steps::StepContext& ctx = run.context;
  Trainer& trainer = run.trainer;
  const Config& config = ctx.config();
  CheckpointFolder checkpoints(ctx.disk(), ctx.scratch() / "checkpoints", static_cast<int>(config.integer("keep_checkpoints")));
  const model::ModelConfig& model = trainer.parameters().config();
  const StateFields state = trainer.state_fields();
  if (checkpoints.resume(state, run.facts)) {
    log_note(fmt::format("going on from step {} of {}", trainer.state().step, trainer.curriculum().steps()));
  }

  Progress& progress = ctx.progress("train", "steps");
  progress.set_total(static_cast<std::uint64_t>(run.trainer.curriculum().steps()));
  StepReport report;
  while (trainer.state().step < run.trainer.curriculum().steps()) {
    report = trainer.step();
    ctx.metric(metrics_of(run, report));
    progress.set(
        static_cast<std::uint64_t>(report.step),
        fmt::format("loss {:.3f}  {} tok/s", report.loss, format_count(static_cast<double>(report.tokens) / report.seconds)));
    const bool stop = ctx.stop_token().stop_requested();
    if (report.step < trainer.curriculum().steps() && (stop || report.step % config.integer("checkpoint_every") == 0)) {
      checkpoints.save(trainer.state().step, model, state, run.facts);
    }
    if (report.step < run.trainer.curriculum().steps()) ctx.stop_if_asked();
  }

  write_checkpoint(ctx.disk(), ctx.staging("checkpoint"), model,
                   config.boolean("optimizer_state") ? state : without_moments(state), run.facts);
  return report;
}

}  // namespace cairn::train
