// The pattern of every verb: one file, one function `add_NAME(CommandLine&, Session&)`, listed in verbs.cpp.
//
// A verb declares its options (arguments.h), does its work through the Session, prints its result to standard output — as text,
// or as one JSON value with --json — and returns an exit code: done (or: it holds), failed (or: it does not hold), unchecked,
// try_again. Wrong usage is thrown with fail_usage. Progress, notes and warnings go to standard error.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "app/cli/arguments.h"
#include "base/json_fwd.h"
#include "base/progress.h"
#include "base/stop.h"
#include "base/thread_pool.h"

namespace cairn::lineage {
class Workspace;
}
namespace cairn::steps {
class StepRegistry;
struct ExecutorSettings;
}  // namespace cairn::steps

namespace cairn::app {

// What verbs share: the global options and the things that they name, opened when first asked for.
class Session {
 public:
  Session(const steps::StepRegistry& steps, std::string version);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void configure(const GlobalOptions& globals);  // before a verb runs

  const steps::StepRegistry& steps() const;
  const std::string& version() const;
  bool json() const;  // --json
  bool quiet() const;
  ThreadPool& threads();  // --threads
  StopToken& stop();      // SIGINT and SIGTERM ask it
  Progress::Style progress_style() const;

  // The workspace of -C, which must be one itself, or the one that the current folder lies in. The first opens for writing and
  // recovers from what a kill left, saying so; the second takes no lock and changes nothing: for queries.
  lineage::Workspace& workspace();
  lineage::Workspace& workspace_for_reading();
  std::filesystem::path workspace_folder() const;  // without opening it
  const std::string& workspace_option() const;     // -C, as given; empty without
  // Everything that the executor records about this program and machine (engine/steps/executor.h).
  steps::ExecutorSettings executor_settings();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

void print_json(const Json& value);  // pretty, to standard output

// The table of contents of the command line (verbs.cpp).
void add_verbs(CommandLine& line, Session& session);

// cairn's main: parses, runs, prints `error: ...` and returns the exit code.
int run_program(int argc, char** argv, const steps::StepRegistry& steps);

}  // namespace cairn::app
