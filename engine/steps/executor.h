// Runs steps and pipelines in a workspace: looks in the ledger whether a step was done before, else runs it, seals what it made
// and records everything (DESIGN.md §1, spec/lineage.md §2.4).
//
// A killed or interrupted attempt leaves its scratch folder, and the next attempt of the same action finds it. Outputs get names:
// the step's name for its first output, NAME.ROLE for the others.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/stop.h"
#include "base/thread_pool.h"
#include "engine/steps/pipeline.h"
#include "engine/steps/team.h"
#include "lineage/workspace.h"

namespace cairn::steps {

// What a run records of the program and the machine that executes it.
struct ExecutorSettings {
  ThreadPool* threads = nullptr;
  StopToken* stop = nullptr;
  Progress::Style progress_style = Progress::Style::automatic;
  std::string determinism_class{};  // the machine's part of the class (step.h); "" is refused for within_class
  std::string environment = "{}";   // canonical JSON: cpu, isa, libraries, kernel, threads (environment.h)
  Digest code{};                    // SHA-256 of the executable
  std::string revision{};           // version of the program
  Team team{};                      // that this process is the first rank of
};

enum class StepStatus {
  ran,
  cached,     // the ledger has a done run of the same action
  would_run,  // of a dry run
};

struct StepResult {
  std::string name, step;
  StepStatus status = StepStatus::ran;
  std::optional<lineage::RunId> run;
  std::map<std::string, lineage::ArtifactId> outputs;  // by role
  std::vector<std::string> refs;                       // the names that now mean them: "clean@2", "clean.report@2"
  std::string summary;                                 // the step's own line; of a cached one, the recorded
  double seconds = 0;
};

struct ExecutionOptions {
  bool dry_run = false;                                 // say what would run; adopt and run nothing
  std::string only{};                                   // run this step alone; those before it must be in the ledger
  bool again = false;                                   // run although the ledger has it (of `only`, or of all)
  std::function<void(const StepResult&)> on_result{};   // after each step
  std::function<void(const PipelineStep&)> on_start{};  // before a step that runs
};

class Executor {
 public:
  Executor(lineage::Workspace& workspace, ExecutorSettings settings);

  // In the pipeline's order; the results of what was done, also given to on_result as they come. Throws what a step throws, with
  // the step's name before it, after recording the run as failed; ExitCode::try_again after recording it as aborted when a stop
  // was asked for.
  std::vector<StepResult> run(const Pipeline& pipeline, const ExecutionOptions& options);

 private:
  lineage::Workspace& workspace_;
  ExecutorSettings settings_;
};

}  // namespace cairn::steps
