// cairn run PIPELINE, and each step as a verb of its own: both make a pipeline and give it to the executor.
#include <cstdlib>

#include "app/cli/cli.h"
#include "app/cli/execute.h"
#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "base/format.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/steps/environment.h"
#include "engine/steps/executor.h"
#include "engine/steps/team.h"

namespace cairn::app {
namespace {

struct RunOptions {
  std::string pipeline, only;
  std::vector<std::string> settings;
  bool dry_run = false, again = false;
};

struct StepOptions {
  std::string config = "{}", name;
  std::vector<std::string> inputs, settings, runtime;
  std::int64_t seed = 0;
  bool dry_run = false, again = false;
};

Json inputs_json(const std::vector<std::string>& inputs) {
  Json json = Json::object();
  for (const std::string& input : inputs) {
    const std::size_t equals = input.find('=');
    if (equals == std::string::npos || equals == 0) fail_usage("--input {}: expected ROLE=ARTIFACT", input);
    json[input.substr(0, equals)].push_back(input.substr(equals + 1));
  }
  return json;
}

ExitCode run_step(Session& session, const steps::StepSpec& step, const StepOptions& options) {
  const std::string name = options.name.empty() ? step.name : options.name;
  Json declared = {{"step", step.name}, {"inputs", inputs_json(options.inputs)}, {"seed", options.seed}};
  declared["config"] =
      options.config.starts_with("@") ? read_json(options.config.substr(1)) : parse_json(options.config, "--config");
  for (const std::string& setting : options.settings) steps::apply_setting(declared["config"], setting);
  for (const std::string& setting : options.runtime) steps::apply_setting(declared["runtime"], setting);
  const Json pipeline = {{"pipeline", name}, {"steps", {{name, declared}}}};
  return execute(session, steps::parse_pipeline(pipeline, "", fs::current_path(), {}, session.steps()),
                 {.dry_run = options.dry_run, .again = options.again});
}

}  // namespace

// The first rank records; the others do their part of the steps that it shares, and say nothing but errors.
ExitCode execute(Session& session, const steps::Pipeline& pipeline, steps::ExecutionOptions options) {
  const steps::Team team =
      steps::team_of_environment([](const char* name) { return static_cast<const char*>(std::getenv(name)); });
  if (team.rank > 0) {
    if (options.dry_run) return ExitCode::done;
    steps::follow({team, session.workspace_folder(), steps::executable_digest(), &real_disk(), &session.threads(),
                   &session.stop(), session.progress_style()},
                  pipeline);
    return ExitCode::done;
  }
  std::size_t width = 0;
  for (const steps::PipelineStep& step : pipeline.steps) width = std::max(width, step.name.size());
  const std::int64_t started = now_microseconds();
  options.on_start = [&](const steps::PipelineStep& step) {
    log_detail(fmt::format("{}: running step {}", step.name, step.spec->name));
  };
  options.on_result = [&](const steps::StepResult& result) {
    if (!session.json()) print_step_result(result, width);
  };
  steps::ExecutorSettings settings = session.executor_settings();
  settings.team = team;
  steps::Executor executor(session.workspace(), settings);
  const std::vector<steps::StepResult> results = executor.run(pipeline, options);
  if (session.json()) {
    Json list = Json::array();
    for (const steps::StepResult& result : results) list.push_back(step_result_json(session.workspace().ledger(), result));
    print_json({{"pipeline", pipeline.name}, {"steps", list}});
  } else if (results.size() > 1 && !options.dry_run) {
    fmt::print("{}: {} steps in {}\n", pipeline.name, results.size(),
               format_duration(static_cast<double>(now_microseconds() - started) * 1e-6));
  }
  return ExitCode::done;
}

void add_run(CommandLine& line, Session& session) {
  auto options = std::make_shared<RunOptions>();
  line.verb("run", Phase::make, "run a pipeline; what was done before is not done again")
      .positional(options->pipeline, "PIPELINE", "a JSON file of named steps")
      .option(options->settings, "--set", "STEP.config.KEY=VALUE", "change one value; also STEP.seed, STEP.runtime.KEY, seed")
      .option(options->only, "--only", "STEP", "run this step alone, on what is there")
      .flag(options->dry_run, "--dry-run", "say what would run")
      .flag(options->again, "--again", "run although it was done before")
      .example("cairn run demo.json --set base.config.steps=50", "a shorter training; steps before it are taken from the ledger")
      .run([&session, options] {
        return execute(session, steps::read_pipeline(options->pipeline, options->settings, session.steps()),
                       {.dry_run = options->dry_run, .only = options->only, .again = options->again});
      });
}

void add_steps(CommandLine& line, Session& session) {
  for (const steps::StepSpec* step : session.steps().all()) {
    if (line.has(step->name)) continue;
    auto options = std::make_shared<StepOptions>();
    line.verb(step->name, Phase::step, step->summary)
        .option(options->inputs, "--input", "ROLE=ARTIFACT", "a name, name@generation, digest, or a path as ./x")
        .option(options->config, "--config", "JSON", "the config, or @FILE to read it from")
        .option(options->settings, "--set", "KEY=VALUE", "one value of the config")
        .option(options->runtime, "--runtime", "KEY=VALUE", "how it is executed: recorded, never hashed")
        .option(options->seed, "--seed", "N", "the seed (default: 0)")
        .option(options->name, "--name", "NAME", "what the result is called (default: the step's name)")
        .flag(options->dry_run, "--dry-run", "say whether it would run")
        .flag(options->again, "--again", "run although it was done before")
        .example("cairn schema " + step->name, "its inputs, outputs and config")
        .run([&session, step, options] { return run_step(session, *step, *options); });
  }
}

}  // namespace cairn::app
