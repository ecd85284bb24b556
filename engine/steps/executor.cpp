#include "engine/steps/executor.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/steps/action.h"
#include "engine/steps/step_context.h"

namespace cairn::steps {
namespace {

using lineage::RunId;
using lineage::RunState;

// A step's name alone means its first output.
std::string ref_name(const PipelineStep& step, const OutputSpec& output) {
  return &output == &step.outputs.front() ? step.name : step.name + "." + output.role;
}

std::uint64_t bytes_under(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    if (it->is_regular_file(gone)) bytes += it->file_size(gone);
  }
  return bytes;
}

// One attempt of one action, from its first row in the ledger to its last.
class Attempt {
 public:
  // `number`: of the step in the pipeline, by which the other ranks know it.
  Attempt(lineage::Workspace& workspace, const ExecutorSettings& settings, TeamLeader& leader, const PipelineStep& step,
          std::size_t number, Action action, std::int64_t now)
      : workspace_(workspace),
        ledger_(workspace.ledger()),
        settings_(settings),
        leader_(leader),
        step_(step),
        number_(number),
        action_(std::move(action)),
        started_(now) {}

  StepResult run() {
    start();
    try {
      StepSetup given = setup();
      if (step_.spec->shared) ranks_ = leader_.share(number_, step_, given);
      given.ranks = ranks_.get();
      StepContext context(std::move(given));
      step_.spec->run(context);
      if (ranks_) {
        ranks_->leave();
        leader_.pass(number_);
      }
      check_outputs();
      seal(context);
    } catch (const Error& error) {
      end(error);
    } catch (const std::exception& error) {
      end(Error(error.what()));
    }
    workspace_.disk().remove_tree(scratch_);
    if (ranks_) leader_.sealed(scratch_);
    return std::move(result_);
  }

 private:
  void start() {
    lineage::NewRun& run = action_.run;
    run.uuid = lineage::RunUuid::make(started_);
    run.started = started_;
    if (const auto earlier = ledger_.find_unfinished(*action_.key)) run.attempt_of = earlier->id;
    staging_ = workspace_.staging_folder(run.uuid);
    scratch_ = workspace_.scratch_folder(*action_.key);
    run_ = ledger_.start_run(run);
    refuse_company();
    workspace_.disk().make_directories(staging_);
    workspace_.disk().make_directories(scratch_);
    workspace_.disk().make_directories(workspace_.run_folder(run.uuid));
  }

  // Two processes must not share a scratch folder: whoever wrote its row first goes on.
  void refuse_company() {
    for (const lineage::Run& open : ledger_.open_runs()) {
      if (open.action != *action_.key || open.id >= run_) continue;
      ledger_.end_run(run_, RunState::aborted, fmt::format("run {} was at it already", open.id), now_microseconds());
      throw Error(
          fmt::format("{}: run {} of another process is doing this very step; run again when it has ended", step_.name, open.id),
          ExitCode::try_again);
    }
  }

  StepSetup setup() const {
    StepSetup setup;
    setup.config = Config(step_.config, step_.name + ": config");
    setup.runtime = Config(step_.runtime, step_.name + ": runtime");
    setup.inputs = action_.inputs;
    setup.staging = staging_;
    setup.scratch = scratch_;
    setup.metrics = workspace_.run_folder(action_.run.uuid) / "metrics.jsonl";
    setup.seed = step_.seed;
    setup.started = started_;
    setup.threads = settings_.threads;
    setup.stop = settings_.stop;
    setup.disk = &workspace_.disk();
    setup.progress_style = settings_.progress_style;
    return setup;
  }

  void check_outputs() const {
    for (const OutputSpec& output : step_.outputs) {
      if (!workspace_.disk().exists(staging_ / output.role)) fail("the step did not write its output '{}'", output.role);
    }
    for (const DiskEntry& entry : workspace_.disk().list(staging_)) {
      const bool declared = std::any_of(step_.outputs.begin(), step_.outputs.end(),
                                        [&](const OutputSpec& output) { return output.role == entry.name; });
      if (!declared) fail("the step wrote '{}', which is none of its outputs", entry.name);
    }
  }

  void seal(const StepContext& context) {
    ledger_.begin_sealing(run_);
    std::vector<lineage::SealedOutput> outputs;
    for (const OutputSpec& declared : step_.outputs) {
      Json facts = context.output_facts(declared.role);
      lineage::SealedOutput output{.role = declared.role, .kind = declared.kind};
      output.content = workspace_.store().seal(staging_ / declared.role, settings_.threads);
      output.items = items_of(facts, output.content);
      output.meta = canonical_json(facts);
      outputs.push_back(std::move(output));
    }
    const std::int64_t ended = now_microseconds();
    ledger_.finish_run(run_, outputs, postings(context, outputs), names(), context.summary(), ended);
    result_.run = run_;
    result_.summary = context.summary();
    result_.seconds = static_cast<double>(ended - started_) * 1e-6;
  }

  // What the step counted as "items", else the files.
  static std::int64_t items_of(Json& facts, const lineage::Content& content) {
    if (const auto items = facts.find("items"); items != facts.end() && items->is_number_integer()) {
      const std::int64_t count = *items;
      facts.erase(items);
      return count;
    }
    return content.is_tree ? static_cast<std::int64_t>(content.entries.size()) : 1;
  }

  static std::vector<lineage::Posting> postings(const StepContext& context, const std::vector<lineage::SealedOutput>& outputs) {
    std::vector<lineage::Posting> postings;
    for (const SourcePosting& posting : context.postings()) {
      const auto output =
          std::find_if(outputs.begin(), outputs.end(), [&](const auto& each) { return each.role == posting.output; });
      if (output == outputs.end())
        fail("the step posted documents of '{}' in '{}', which is none of its outputs", posting.source, posting.output);
      const Digest* shard = posting.file.empty() && !output->content.is_tree ? &output->content.digest : nullptr;
      for (const lineage::TreeEntry& entry : output->content.entries) {
        if (entry.path == posting.file) shard = &entry.digest;
      }
      if (shard == nullptr)
        fail("the step posted documents of '{}' in '{}/{}', which it did not write", posting.source, posting.output,
             posting.file);
      postings.push_back({posting.source, *shard, posting.first, posting.documents, posting.tokens});
    }
    return postings;
  }

  std::map<std::string, std::string> names() const {
    std::map<std::string, std::string> names;
    for (const OutputSpec& output : step_.outputs) {
      names[ref_name(step_, output)] = output.role;
    }
    return names;
  }

  [[noreturn]] void end(const Error& error) {
    if (ranks_) ranks_->give_up(error.what());
    const bool interrupted = error.code() == ExitCode::try_again;
    ledger_.end_run(run_, interrupted ? RunState::aborted : RunState::failed, error.what(), now_microseconds());
    workspace_.disk().remove_tree(staging_);
    const std::uint64_t kept = bytes_under(scratch_);
    if (kept == 0) workspace_.disk().remove_tree(scratch_);
    std::string message = fmt::format("{}: {}", step_.name, error.what());
    if (interrupted) {
      message = fmt::format("{}: interrupted; {}. The same command goes on from there", step_.name,
                            kept == 0 ? "nothing of this step was worth keeping, all before it is recorded"
                                      : format_bytes(kept) + " of its work are kept, and all before it is recorded");
    }
    Error told(message, error.code());
    for (const std::string& context : error.contexts()) told.add_context(context);
    throw told;
  }

  lineage::Workspace& workspace_;
  lineage::Ledger& ledger_;
  const ExecutorSettings& settings_;
  TeamLeader& leader_;
  const PipelineStep& step_;
  std::size_t number_;
  std::unique_ptr<Ranks> ranks_;
  Action action_;
  const std::int64_t started_;
  RunId run_ = 0;
  fs::path staging_, scratch_;
  StepResult result_;
};

// One walk through a pipeline.
class Execution {
 public:
  Execution(lineage::Workspace& workspace, const ExecutorSettings& settings, const Pipeline& pipeline,
            const ExecutionOptions& options)
      : workspace_(workspace),
        settings_(settings),
        pipeline_(pipeline),
        options_(options),
        leader_(options.dry_run ? Team{} : settings.team, workspace.folder(), settings.code, workspace.disk(), *settings.stop) {}

  std::vector<StepResult> run() {
    try {
      if (!options_.only.empty()) require_step(options_.only);
      const std::set<std::string> wanted = needed_steps();
      for (std::size_t number = 0; number < pipeline_.steps.size(); ++number) {
        const PipelineStep& step = pipeline_.steps[number];
        if (wanted.count(step.name) > 0) {
          settings_.stop->throw_if_requested();
          results_.push_back(run_step(step, number));
          if (options_.on_result) options_.on_result(results_.back());
        }
        leader_.pass(number);
      }
    } catch (const std::exception& error) {
      leader_.end(error.what());
      throw;
    }
    leader_.end("");
    return std::move(results_);
  }

 private:
  void require_step(const std::string& name) const {
    std::vector<std::string> names;
    for (const PipelineStep& step : pipeline_.steps) names.push_back(step.name);
    if (std::find(names.begin(), names.end(), name) != names.end()) return;
    const std::string near = nearest_name(name, names);
    fail_usage("the pipeline has no step '{}'{}", name, near.empty() ? "" : ". Did you mean '" + near + "'?");
  }

  // All; with `only`, that one and what it reads.
  std::set<std::string> needed_steps() const {
    std::set<std::string> needed;
    for (auto step = pipeline_.steps.rbegin(); step != pipeline_.steps.rend(); ++step) {
      if (!options_.only.empty() && step->name != options_.only && needed.count(step->name) == 0) continue;
      needed.insert(step->name);
      for (const auto& [role, wires] : step->inputs) {
        for (const Wire& wire : wires) {
          if (!wire.step.empty()) needed.insert(wire.step);
        }
      }
    }
    return needed;
  }

  StepResult run_step(const PipelineStep& step, std::size_t number) {
    const bool may_run = options_.only.empty() || step.name == options_.only;
    const std::int64_t now = now_microseconds();
    const OutputLookup lookup = [&](const Wire& wire) { return output_of(wire); };
    Action action = make_action(workspace_, settings_, step, lookup, options_.dry_run ? Adopting::no : Adopting::yes, now);
    StepResult result;
    const auto done = action.key && !(options_.again && may_run) ? workspace_.ledger().find_done(*action.key) : std::nullopt;
    if (done) {
      result = recorded(step, *done);
    } else if (options_.dry_run) {
      result.status = StepStatus::would_run;
    } else if (!may_run) {
      fail_usage("{} reads '{}', which has not run as the pipeline now says; run without --only", options_.only, step.name);
    } else {
      if (options_.on_start) options_.on_start(step);
      result = Attempt(workspace_, settings_, leader_, step, number, std::move(action), now).run();
      for (const lineage::RunOutput& output : workspace_.ledger().run(*result.run).outputs)
        result.outputs[output.role] = output.artifact;
    }
    result.name = step.name;
    result.step = step.spec->name;
    for (const OutputSpec& output : step.outputs) {
      const std::string name = ref_name(step, output);
      if (const auto ref = workspace_.ledger().ref(name)) result.refs.push_back(fmt::format("{}@{}", name, ref->generation));
    }
    return result;
  }

  // The names move to what was made before, which may not be what they mean now. A kill right after the record left the scratch
  // folder.
  StepResult recorded(const PipelineStep& step, const lineage::Run& done) {
    StepResult result;
    result.status = StepStatus::cached;
    result.run = done.id;
    result.summary = done.note;
    for (const lineage::RunOutput& output : done.outputs) result.outputs[output.role] = output.artifact;
    for (const OutputSpec& output : step.outputs) {
      if (!options_.dry_run)
        workspace_.ledger().move_ref(ref_name(step, output), result.outputs.at(output.role), now_microseconds());
    }
    if (!options_.dry_run) workspace_.disk().remove_tree(workspace_.scratch_folder(done.action));
    return result;
  }

  std::optional<lineage::ArtifactId> output_of(const Wire& wire) const {
    for (const StepResult& result : results_) {
      if (result.name != wire.step) continue;
      const auto output = result.outputs.find(wire.output);
      if (output != result.outputs.end()) return output->second;
    }
    return std::nullopt;
  }

  lineage::Workspace& workspace_;
  const ExecutorSettings& settings_;
  const Pipeline& pipeline_;
  const ExecutionOptions& options_;
  TeamLeader leader_;
  std::vector<StepResult> results_;
};

}  // namespace

Executor::Executor(lineage::Workspace& workspace, ExecutorSettings settings)
    : workspace_(workspace), settings_(std::move(settings)) {
  if (settings_.threads == nullptr || settings_.stop == nullptr) fail("an executor needs threads and a stop token");
}

std::vector<StepResult> Executor::run(const Pipeline& pipeline, const ExecutionOptions& options) {
  return Execution(workspace_, settings_, pipeline, options).run();
}

}  // namespace cairn::steps
