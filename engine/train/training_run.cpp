#include "engine/train/training_run.h"

#include <cmath>

#include "base/format.h"
#include "base/log.h"
#include "base/memory_use.h"
#include "engine/model/hf_folder.h"
#include "engine/train/run_checkpoints.h"

namespace cairn::train {

namespace {

Json metrics_of(const TrainingRun& run, const StepReport& report) {
  const StepPlan plan = run.trainer.curriculum().at(report.step - 1);
  const double flops = run.trainer.parameters().config().train_flops_per_token(plan.sequence_length);
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
               {"forward_s", report.seconds.forward},
               {"backward_s", report.seconds.backward},
               {"replay_s", report.seconds.replay},
               {"clip_s", report.seconds.clip},
               {"optimizer_s", report.seconds.optimizer},
               {"rss_bytes", resident_bytes()},
               {"planned_bytes", run.trainer.planned_bytes()},
               {"mfu", tokens_per_second * flops / run.peak_flops}};
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

}  // namespace

StepReport run_training(TrainingRun& run) {
  steps::StepContext& ctx = run.context;
  Trainer& trainer = run.trainer;
  RunCheckpoints checkpoints(ctx, trainer, run.facts, run.device);
  if (checkpoints.resume()) {
    log_note(fmt::format("going on from step {} of {}", trainer.state().step, trainer.curriculum().steps()));
  }

  const std::int64_t steps = trainer.curriculum().steps();
  Progress& progress = ctx.progress("train", "steps");
  progress.set_total(static_cast<std::uint64_t>(steps));
  StepReport report;
  while (trainer.state().step < steps) {
    report = trainer.step();
    Json line = metrics_of(run, report);
    checkpoints.add_news(line);
    ctx.metric(line);
    progress.set(static_cast<std::uint64_t>(report.step), status_of(report));
    warn_of_skip(report);
    if (report.step < steps) checkpoints.after_step();
  }
  checkpoints.write_outputs();
  if (trainer.average() != nullptr) model::write_hf_folder(ctx.disk(), ctx.staging("ema"), *trainer.average());
  return report;
}

}  // namespace cairn::train
