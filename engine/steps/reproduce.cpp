#include "engine/steps/reproduce.h"

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/steps/action.h"
#include "engine/steps/step_context.h"

namespace cairn::steps {
namespace {

using lineage::Run;
using lineage::RunId;
using lineage::RunState;

// What keeps an artifact from being made again; becomes the verdict.
struct Obstacle {
  std::string reason;
};

template <typename... Args>
[[noreturn]] void stop_at(fmt::format_string<Args...> format, Args&&... args) {
  throw Obstacle{fmt::format(format, std::forward<Args>(args)...)};
}

class Reproducer {
 public:
  Reproducer(lineage::Workspace& workspace, const StepRegistry& registry, const ExecutorSettings& settings,
             const ComparersByExtension& comparers, const ReproduceOptions& options)
      : workspace_(workspace),
        ledger_(workspace.ledger()),
        registry_(registry),
        settings_(settings),
        comparers_(comparers),
        options_(options) {}

  Reproduction reproduce(const lineage::Artifact& artifact) {
    try {
      find_original(artifact);
      find_step();
      compare_circumstances();
      check_inputs();
      run();
    } catch (const Obstacle& obstacle) {
      result_.verdict = Verdict::not_reproducible;
      result_.reason = obstacle.reason;
    }
    return std::move(result_);
  }

 private:
  void find_original(const lineage::Artifact& artifact) {
    const std::optional<Run> producer = ledger_.producer(artifact.id);
    if (!producer) {
      stop_at("no recorded run made sha256:{}; it was adopted, with {} trust", artifact.digest.short_hex(),
              lineage::trust_name(ledger_.trust(artifact.id)));
    }
    original_ = *producer;
    result_.original = original_.id;
    result_.step = original_.op;
  }

  void find_step() {
    if (!registry_.knows(original_.op))
      stop_at("run {} was of step {}, which this program does not have", original_.id, original_.op);
    step_ = &registry_.find(original_.op);
    if (step_->version != original_.op_version) {
      stop_at("run {} was of {} version {}, this program has version {}; cairn {} made it", original_.id, original_.op,
              original_.op_version, step_->version, original_.revision);
    }
    if (step_->exactness == Exactness::none) result_.notes.push_back("step " + original_.op + " does not promise the same bytes");
    try {
      config_ = step_->config.complete(parse_json(original_.config, "recorded config"), "recorded config");
      runtime_ = step_->runtime.complete(parse_json(original_.runtime, "recorded runtime"), "recorded runtime");
    } catch (const Error& error) {
      stop_at("the step no longer takes its config: {}", error.what());
    }
    if (canonical_json(config_) != original_.config)
      stop_at("the step's config has other defaults now than in run {}, without a new version", original_.id);
  }

  void compare_circumstances() {
    if (original_.code != settings_.code)
      result_.notes.push_back("another build: recorded " + original_.revision + " " + original_.code.short_hex() + ", running " +
                              settings_.revision + " " + settings_.code.short_hex());
    const std::string here = step_->determinism_class(settings_.determinism_class, runtime_);
    if (original_.determinism_class == here) return;
    result_.same_class = false;
    const std::string classes = fmt::format("recorded '{}', here '{}'", original_.determinism_class, here);
    if (!options_.other_class) stop_at("another determinism class: {}; --other-class compares all the same", classes);
    result_.notes.push_back("another determinism class: " + classes);
  }

  // Each input is hashed, also what lies in the store: a reproduction from damaged inputs says nothing.
  void check_inputs() {
    for (const lineage::RunInput& input : original_.inputs) {
      const lineage::Artifact artifact = ledger_.artifact(input.artifact);
      const std::string label = fmt::format("input {} (sha256:{})", input.role, artifact.digest.short_hex());
      try {
        StepInput opened = open_artifact(workspace_, artifact, label, settings_.threads);
        if (opened.files.empty()) {
          const lineage::Content content = lineage::hash_content(opened.path, settings_.threads);
          if (content.digest != artifact.digest) {
            stop_at("{} is damaged: found sha256:{}{}", label, content.digest.short_hex(), first_damaged(artifact, content));
          }
        }
        inputs_[input.role].push_back(std::move(opened));
      } catch (const Error& error) {
        stop_at("{}: {}", label, error.what());
      }
    }
  }

  std::string first_damaged(const lineage::Artifact& artifact, const lineage::Content& content) const {
    if (!artifact.is_tree) return "";
    std::map<std::string, Digest> found;
    for (const lineage::TreeEntry& entry : content.entries) found[entry.path] = entry.digest;
    for (const lineage::TreeEntry& entry : ledger_.tree_entries(artifact.id)) {
      if (found[entry.path] != entry.digest) return ", first in " + entry.path;
    }
    return "";
  }

  void run() {
    const std::int64_t begun = now_microseconds();
    lineage::NewRun record{.uuid = lineage::RunUuid::make(begun), .op = original_.op, .op_version = original_.op_version};
    record.config = original_.config;
    record.runtime = canonical_json(runtime_);
    record.seed = original_.seed;
    record.determinism = original_.determinism;
    record.determinism_class = step_->determinism_class(settings_.determinism_class, runtime_);
    record.environment = step_->environment(settings_.environment, runtime_);
    record.code = settings_.code;
    record.revision = settings_.revision;
    record.inputs = original_.inputs;
    record.reproduction_of = original_.id;
    record.started = begun;
    const RunId id = ledger_.start_run(record);
    result_.run = id;
    staging_ = workspace_.staging_folder(record.uuid);
    const fs::path scratch = staging_ / ".scratch";  // goes with the staging folder, whatever happens
    workspace_.disk().make_directories(workspace_.run_folder(record.uuid));
    workspace_.disk().make_directories(scratch);
    try {
      run_step(workspace_.run_folder(record.uuid) / "metrics.jsonl", scratch);
      compare();
      result_.seconds = static_cast<double>(now_microseconds() - begun) * 1e-6;
      close_run(id);
    } catch (const std::exception& error) {
      const auto* ours = dynamic_cast<const Error*>(&error);
      const bool interrupted = ours != nullptr && ours->code() == ExitCode::try_again;
      ledger_.end_run(id, interrupted ? RunState::aborted : RunState::failed, error.what(), now_microseconds());
      workspace_.disk().remove_tree(staging_);
      if (interrupted) throw;
      stop_at("the step failed this time: {}", error.what());
    }
    workspace_.disk().remove_tree(staging_);
  }

  void run_step(const fs::path& metrics, const fs::path& scratch) {
    StepSetup setup;
    setup.config = Config(config_, original_.op + ": config");
    setup.runtime = Config(runtime_, original_.op + ": runtime");
    setup.inputs = inputs_;
    setup.staging = staging_;
    setup.scratch = scratch;
    setup.metrics = metrics;
    setup.seed = original_.seed;
    setup.started = original_.started;  // for the step it is then
    setup.threads = settings_.threads;
    setup.stop = settings_.stop;
    setup.disk = &workspace_.disk();
    setup.progress_style = settings_.progress_style;
    StepContext context(std::move(setup));
    step_->run(context);
  }

  void compare() {
    result_.verdict = Verdict::identical;
    for (const lineage::RunOutput& output : original_.outputs) {
      const lineage::Artifact artifact = ledger_.artifact(output.artifact);
      const fs::path made = staging_ / output.role;
      OutputComparison comparison{.role = output.role, .recorded = artifact.digest, .again = {}, .difference = {}};
      if (!fs::exists(made)) {
        comparison.difference = Difference{"", "not made now", {}};
      } else {
        lineage::Content content = lineage::hash_content(made, settings_.threads);
        comparison.again = content.digest;
        if (content.digest != artifact.digest) comparison.difference = descend(artifact, content, made);
      }
      if (comparison.difference) result_.verdict = Verdict::different;
      result_.outputs.push_back(std::move(comparison));
    }
  }

  Difference descend(const lineage::Artifact& artifact, const lineage::Content& made, const fs::path& made_path) {
    lineage::Content recorded{.digest = artifact.digest, .is_tree = artifact.is_tree, .bytes = artifact.bytes, .entries = {}};
    if (artifact.is_tree) recorded.entries = ledger_.tree_entries(artifact.id);
    try {
      return *first_difference(recorded, workspace_.path_of(artifact.id), made, made_path, comparers_);
    } catch (const Error& error) {
      return {"", fmt::format("the digests differ; looking closer failed: {}", error.what()), {}};
    }
  }

  // An identical reproduction made the very artifacts that are there, so it is a run like others; a different one made nothing to
  // keep.
  void close_run(RunId id) {
    if (result_.verdict == Verdict::different) {
      ledger_.end_run(id, RunState::failed, result_.line(), now_microseconds());
      return;
    }
    ledger_.begin_sealing(id);
    std::vector<lineage::SealedOutput> sealed;
    for (const lineage::RunOutput& output : original_.outputs) {
      const lineage::Artifact artifact = ledger_.artifact(output.artifact);
      lineage::SealedOutput each{.role = output.role, .ordinal = output.ordinal, .kind = artifact.kind};
      each.content = workspace_.store().seal(staging_ / output.role, settings_.threads);
      each.items = artifact.items;
      each.meta = artifact.meta;
      sealed.push_back(std::move(each));
    }
    ledger_.finish_run(id, sealed, {}, {}, result_.line(), now_microseconds());
  }

  lineage::Workspace& workspace_;
  lineage::Ledger& ledger_;
  const StepRegistry& registry_;
  const ExecutorSettings& settings_;
  const ComparersByExtension& comparers_;
  const ReproduceOptions& options_;
  Run original_;
  const StepSpec* step_ = nullptr;
  Json config_, runtime_;
  std::map<std::string, std::vector<StepInput>> inputs_;
  fs::path staging_;
  Reproduction result_;
};

}  // namespace

std::string Reproduction::line() const {
  if (verdict == Verdict::identical) return "IDENTICAL";
  if (verdict == Verdict::not_reproducible) return "NOT REPRODUCIBLE: " + reason;
  for (const OutputComparison& output : outputs) {
    if (!output.difference) continue;
    const Difference& difference = *output.difference;
    std::string where = output.role + (difference.file.empty() ? "" : "/" + difference.file);
    if (difference.step) where = fmt::format("from step {} on; {}", *difference.step, where);
    return fmt::format("DIFFERENT ({} class): {}: {}", same_class ? "same" : "other", where, difference.what);
  }
  return "DIFFERENT";
}

ExitCode Reproduction::exit_code() const {
  switch (verdict) {
    case Verdict::identical:
      return ExitCode::done;
    case Verdict::different:
      return ExitCode::failed;
    case Verdict::not_reproducible:
      return ExitCode::unchecked;
  }
  return ExitCode::unchecked;
}

Reproduction reproduce(lineage::Workspace& workspace, const StepRegistry& registry, const ExecutorSettings& settings,
                       const ComparersByExtension& comparers, const lineage::Artifact& artifact,
                       const ReproduceOptions& options) {
  return Reproducer(workspace, registry, settings, comparers, options).reproduce(artifact);
}

}  // namespace cairn::steps
