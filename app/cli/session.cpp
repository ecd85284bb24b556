#include <cstdio>
#include <optional>

#include "app/cli/cli.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/steps/environment.h"
#include "engine/steps/executor.h"
#include "kernels/backend.h"
#include "lineage/workspace.h"

namespace cairn::app {

struct Session::State {
  const steps::StepRegistry& steps;
  std::string version;
  GlobalOptions globals;
  std::optional<lineage::Workspace> workspace;
  bool for_writing = false;
  std::unique_ptr<ThreadPool> threads;
  StopToken* stop = nullptr;

  fs::path folder() const {
    return globals.workspace.empty() ? lineage::Workspace::find(fs::current_path()) : lineage::Workspace::at(globals.workspace);
  }
};

Session::Session(const steps::StepRegistry& steps, std::string version)
    : state_(new State{steps, std::move(version), {}, {}, false, {}, nullptr}) {}
Session::~Session() = default;

void Session::configure(const GlobalOptions& globals) {
  state_->globals = globals;
  set_log_level(globals.quiet ? LogLevel::quiet : globals.verbose ? LogLevel::verbose : LogLevel::normal);
}

const steps::StepRegistry& Session::steps() const {
  return state_->steps;
}
const std::string& Session::version() const {
  return state_->version;
}
bool Session::json() const {
  return state_->globals.json;
}
bool Session::quiet() const {
  return state_->globals.quiet;
}
Progress::Style Session::progress_style() const {
  return quiet() ? Progress::Style::quiet : Progress::Style::automatic;
}

ThreadPool& Session::threads() {
  if (!state_->threads) state_->threads = std::make_unique<ThreadPool>(static_cast<int>(state_->globals.threads));
  return *state_->threads;
}

StopToken& Session::stop() {
  if (state_->stop == nullptr) state_->stop = &stop_on_signals();
  return *state_->stop;
}

lineage::Workspace& Session::workspace() {
  if (!state_->workspace || !state_->for_writing) {
    state_->workspace.reset();
    state_->workspace = lineage::Workspace::open(real_disk(), state_->folder());
    state_->for_writing = true;
    for (const std::string& action : state_->workspace->recovery().actions) log_note(action);
  }
  return *state_->workspace;
}

fs::path Session::workspace_folder() const {
  return state_->folder();
}

const std::string& Session::workspace_option() const {
  return state_->globals.workspace;
}

lineage::Workspace& Session::workspace_for_reading() {
  if (!state_->workspace) state_->workspace = lineage::Workspace::open_read_only(real_disk(), state_->folder());
  return *state_->workspace;
}

steps::ExecutorSettings Session::executor_settings() {
  steps::ExecutorSettings settings;
  settings.threads = &threads();
  settings.stop = &stop();
  settings.progress_style = progress_style();
  Json environment = steps::environment_facts();
  environment["threads"] = threads().threads();
  environment["isa"] = cpu_isa();
  // What floating-point results may depend on, beside the program: the code path that the kernels chose and the C library's
  // functions.
  settings.determinism_class = fmt::format("cpu {} {} {}", environment.at("architecture").get<std::string>(), cpu_isa(),
                                           environment.at("libc").get<std::string>());
  settings.environment = canonical_json(environment);
  settings.code = steps::executable_digest();
  settings.revision = version();
  return settings;
}

void print_json(const Json& value) {
  std::fputs(pretty_json(value).c_str(), stdout);
}

int run_program(int argc, char** argv, const steps::StepRegistry& steps) {
  Session session(steps, CAIRN_VERSION);
  CommandLine line(CAIRN_VERSION);
  try {
    add_verbs(line, session);
    return static_cast<int>(line.run(std::vector<std::string>(argv + 1, argv + argc),
                                     [&](const GlobalOptions& globals) { session.configure(globals); }));
  } catch (const Error& error) {
    std::fflush(stdout);
    fmt::print(stderr, "error: {}\n", error.what());
    if (line.globals().verbose) {
      for (const std::string& context : error.contexts()) fmt::print(stderr, "  {}\n", context);
    }
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error: out of memory\n");
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
  }
  return static_cast<int>(ExitCode::failed);
}

}  // namespace cairn::app
