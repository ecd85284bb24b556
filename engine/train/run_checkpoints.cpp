#include "engine/train/run_checkpoints.h"

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/mapped_file.h"

namespace cairn::train {

namespace {

constexpr const char* kAlgorithms = "gemm_book.json";

CheckpointOptions options_of(const steps::StepContext& ctx) {
  const Config& config = ctx.config();
  CheckpointOptions options;
  options.keep = static_cast<int>(config.integer("keep_checkpoints"));
  if (config.has("major_every")) options.major_every = config.integer("major_every");
  if (ctx.runtime().has("staging_mb"))
    options.staging_bytes = static_cast<std::uint64_t>(ctx.runtime().integer("staging_mb")) << 20;
  return options;
}

void copy_file(Disk& disk, const fs::path& from, const fs::path& to) {
  constexpr std::size_t kPart = std::size_t(16) << 20;
  const MappedFile bytes(from);
  const std::unique_ptr<DiskFile> file = disk.create(to);
  for (std::size_t at = 0; at < bytes.size(); at += kPart) file->write(bytes.text().substr(at, kPart));
  file->sync();
  file->close();
}

}  // namespace

std::vector<Field> checkpoint_fields() {
  return {
      field("checkpoint_every", integer().min(1).def(100), "steps"),
      field("keep_checkpoints", integer().min(1).def(2), "of those that a killed run resumes from"),
      field("major_every", integer().min(1).def(nullptr),
            "steps between checkpoints that are kept for good, as the output 'majors'; none when left out"),
      field("optimizer_state", boolean().def(true), "keep the optimizer's moments in the output, so that training can go on"),
  };
}

Field checkpoint_runtime() {
  return field("staging_mb", integer().min(0).max(1 << 30).def(nullptr),
               "memory for the copy of the state that is written while training goes on; what does not fit is written before it "
               "does; all of the state when left out");
}

std::vector<steps::OutputSpec> checkpoint_outputs(const Config& config) {
  if (!config.has("major_every")) return {};
  return {{"majors", "raw", "the checkpoints of every so many steps, step-N each"}};
}

RunCheckpoints::RunCheckpoints(steps::StepContext& context, Trainer& trainer, Json facts, ComputeDevice& device)
    : context_(context),
      trainer_(trainer),
      device_(device),
      facts_(std::move(facts)),
      every_(context.config().integer("checkpoint_every")),
      folder_(context.disk(), context.scratch() / "checkpoints", context.threads(), options_of(context)) {
  trainer_.before_update([this] { stood_still_s_ += folder_.release_state(); });
}

RunCheckpoints::~RunCheckpoints() {
  trainer_.before_update(nullptr);
}

bool RunCheckpoints::resume() {
  if (!folder_.resume(state(), facts_)) return false;
  if (algorithms_.empty()) return true;
  const std::string differs = device_.take_algorithms(algorithms_, std::string(kAlgorithms) + " of the checkpoint");
  if (!differs.empty()) log_warning(differs + ": the run goes on, but not to the same bits");
  return true;
}

StateFields RunCheckpoints::state() {
  StateFields fields = trainer_.state_fields();
  algorithms_ = device_.algorithms();
  if (!algorithms_.empty()) fields.push_back({kAlgorithms, &algorithms_, true});
  return fields;
}

bool RunCheckpoints::take_file(const char* name) {
  const fs::path path = context_.scratch() / name;
  if (!context_.disk().exists(path)) return false;
  context_.disk().remove(path);
  return true;
}

void RunCheckpoints::save() {
  stood_still_s_ += folder_.save(trainer_.model_config(), state(), facts_);
}

void RunCheckpoints::after_step() {
  if (take_file("stop")) context_.stop_token().request_stop();
  const std::int64_t step = trainer_.state().step;
  const bool stop = context_.stop_token().stop_requested();
  const bool by_signal = context_.stop_token().take_save_request(), by_file = take_file("save");  // both are taken
  const bool asked = by_signal || by_file;
  if (stop || asked || step % every_ == 0 || folder_.is_major(step) || folder_.retry_is_due()) save();
  if (!stop) return;
  folder_.wait();
  context_.stop_if_asked();
}

void RunCheckpoints::add_news(Json& line) {
  line["checkpoint_s"] = std::exchange(stood_still_s_, 0);
  while (const std::optional<SaveReport> report = folder_.take_report()) {
    line["checkpoint_step"] = report->step;
    line["checkpoint_write_s"] = report->write_s;
    line["checkpoint_bytes"] = report->bytes;
    if (!report->error.empty()) line["checkpoint_error"] = report->error;
  }
}

void RunCheckpoints::write_outputs() {
  folder_.wait();
  StateFields fields = state();
  if (!context_.config().boolean("optimizer_state")) fields = without_moments(fields);
  write_checkpoint(context_.disk(), context_.staging("checkpoint"), trainer_.model_config(), fields, facts_);
  if (!context_.config().has("major_every")) return;
  context_.disk().make_directories(context_.staging("majors"));
  for (std::int64_t step = 1; step < trainer_.state().step; ++step) {
    if (folder_.is_major(step)) copy_major(step);
  }
  context_.disk().sync_directory(context_.staging("majors"));
}

void RunCheckpoints::copy_major(std::int64_t step) {
  const fs::path from = folder_.path_of(step), to = context_.staging("majors") / from.filename();
  if (const std::string damage = checkpoint_damage(from, &context_.threads()); !damage.empty()) {
    fail(
        "major checkpoint {} is damaged ({}); remove the folders of this and all later steps beside it and run again: what is "
        "missing is trained anew",
        from.string(), damage);
  }
  context_.disk().make_directories(to);
  for (const DiskEntry& entry : context_.disk().list(from)) copy_file(context_.disk(), from / entry.name, to / entry.name);
  context_.disk().sync_directory(to);
}

}  // namespace cairn::train
