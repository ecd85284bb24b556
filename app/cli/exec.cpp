// cairn exec -- COMMAND: any program as a recorded step.
#include <cstdlib>

#include "app/cli/cli.h"
#include "app/cli/execute.h"
#include "app/cli/verbs.h"
#include "base/json.h"

namespace cairn::app {
namespace {

struct ExecOptions {
  std::vector<std::string> command, inputs, outputs, variables;
  std::string name = "exec";
  bool cached = false, dry_run = false;
};

std::pair<std::string, std::string> split(const std::string& text, char at, const char* option, const char* expected) {
  const std::size_t found = text.find(at);
  if (found == std::string::npos || found == 0) fail_usage("{} {}: expected {}", option, text, expected);
  return {text.substr(0, found), text.substr(found + 1)};
}

Json config_of(const ExecOptions& options) {
  Json config = {{"argv", options.command}, {"env", Json::object()}, {"outputs", Json::object()}};
  for (const std::string& output : options.outputs) {
    auto [role, path] = split(output, '=', "--output", "ROLE=PATH or ROLE=PATH:KIND");
    std::string kind = "file";
    if (const std::size_t colon = path.rfind(':'); colon != std::string::npos) {
      kind = path.substr(colon + 1);
      path.resize(colon);
    }
    config["outputs"][role] = {{"path", path}, {"kind", kind}};
  }
  for (const std::string& variable : options.variables) {
    const std::size_t equals = variable.find('=');
    const char* value = equals == std::string::npos ? std::getenv(variable.c_str()) : nullptr;
    if (equals == std::string::npos && value == nullptr) fail_usage("--env {}: the variable is not set here", variable);
    config["env"][variable.substr(0, equals)] = equals == std::string::npos ? std::string(value) : variable.substr(equals + 1);
  }
  return config;
}

ExitCode run_exec(Session& session, const ExecOptions& options) {
  Json inputs = Json::object();
  for (const std::string& input : options.inputs) {
    const auto [role, artifact] = split(input, '=', "--input", "ROLE=ARTIFACT");
    inputs[role].push_back(artifact);
  }
  Json step = {{"step", "exec"}, {"inputs", inputs}, {"config", config_of(options)}};
  if (const char* path = std::getenv("PATH")) step["runtime"] = {{"path", path}};
  const Json pipeline = {{"pipeline", options.name}, {"steps", {{options.name, step}}}};
  return execute(session, steps::parse_pipeline(pipeline, "", fs::current_path(), {}, session.steps()),
                 {.dry_run = options.dry_run, .again = !options.cached});
}

}  // namespace

void add_exec(CommandLine& line, Session& session) {
  auto options = std::make_shared<ExecOptions>();
  line.verb("exec", Phase::make, "run any program as a step: what it read, what it made, how it was called")
      .positionals(options->command, "COMMAND",
                   "after --: the program and its arguments; {input:ROLE} and {output:ROLE} become paths")
      .option(options->inputs, "--input", "ROLE=ARTIFACT", "an artifact that it reads, as {input:ROLE} or $CAIRN_INPUT_ROLE")
      .option(options->outputs, "--output", "ROLE=PATH[:KIND]", "what it writes, in the empty folder that it runs in")
      .option(options->variables, "--env", "NAME[=VALUE]", "a variable that it sees; recorded")
      .option(options->name, "--name", "NAME", "what the result is called (default: exec)")
      .flag(options->cached, "--cached", "do not run when the same was done before")
      .flag(options->dry_run, "--dry-run", "say whether it would run")
      .example("cairn exec --input text=./notes.txt --output sorted=sorted.txt -- sort -o sorted.txt '{input:text}'",
               "sorted.txt becomes an artifact that knows where it came from")
      .run([&session, options] { return run_exec(session, *options); });
}

}  // namespace cairn::app
