#include "engine/train/training_run.h"

#include <chrono>
#include <cmath>
#include <utility>

#include "base/format.h"
#include "base/log.h"
#include "base/memory_use.h"
#include "engine/train/checkpoint.h"

namespace cairn::train {

namespace {

// `checkpoint_seconds`: that the training stood still for a checkpoint since the line before.
Json metrics_of(const TrainingRun& run, const StepReport& report, double checkpoint_seconds) {
  const StepPlan plan = run.trainer.curriculum().at(report.step - 1);
  const double tokens_per_second = static_cast<double>(report.tokens) / report.seconds.whole;
  Json line = {{"step", report.step},
               {"steps", run.trainer.curriculum().steps()},
               {"lr", report.lr},
               {"stage", report.stage},
               {"samples", plan.samples + plan.batch},
               {"tokens", plan.tokens + plan.batch * plan.sequence_length},
               {"tokens_per_s", tokens_per_second},
               {"step_s", report.seconds.whole},
               {"data_s", report.seconds.data},
               {"model_s", report.seconds.model},
               {"clip_s", report.seconds.clip},
               {"optimizer_s", report.seconds.optimizer},
               {"checkpoint_s", checkpoint_seconds},
               {"rss_bytes", resident_bytes()},
               {"planned_bytes", run.trainer.planned_bytes()},
               {"mfu", tokens_per_second * run.flops_per_token / run.peak_flops}};
  // Canonical JSON has no NaN: a step that was skipped says so instead.
  if (std::isfinite(report.loss)) line["loss"] = report.loss;
  if (std::isfinite(report.grad_norm)) line["grad_norm"] = report.grad_norm;
  if (!report.skipped.empty()) line["skipped"] = report.skipped;
  if (!report.not_finite.empty()) line["not_finite"] = report.not_finite;
  return line;
}

std::string status_of(const StepReport& report) {
  const double rate = static_cast<double>(report.tokens) / report.seconds.whole;
  return fmt::format("loss {:.3f}  {} tok/s", report.loss, format_count(rate));
}

void warn_of_skip(const StepReport& report) {
  if (report.skipped.empty()) return;
  const std::string trace = report.not_finite.empty() ? "" : "; " + report.not_finite;
  log_warning(fmt::format("step {} is left out: {}{}", report.step, report.skipped, trace));
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

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

  const std::int64_t steps = trainer.curriculum().steps();
  Progress& progress = ctx.progress("train", "steps");
  progress.set_total(static_cast<std::uint64_t>(steps));
  StepReport report;
  double checkpoint_seconds = 0;
  while (trainer.state().step < steps) {
    report = trainer.step();
    ctx.metric(metrics_of(run, report, std::exchange(checkpoint_seconds, 0)));
    progress.set(static_cast<std::uint64_t>(report.step), status_of(report));
    warn_of_skip(report);
    const bool stop = ctx.stop_token().stop_requested();
    if (report.step < steps && (stop || report.step % config.integer("checkpoint_every") == 0)) {
      const double begin = steady_seconds();
      checkpoints.save(report.step, model, state, run.facts);
      checkpoint_seconds = steady_seconds() - begin;
    }
    if (report.step < steps) ctx.stop_if_asked();
  }

  write_checkpoint(ctx.disk(), ctx.staging("checkpoint"), model,
                   config.boolean("optimizer_state") ? state : without_moments(state), run.facts);
  return report;
}

}  // namespace cairn::train
