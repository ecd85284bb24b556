#include "app/cli/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "app/cli/layout.h"
#include "base/format.h"
#include "base/schema.h"

namespace cairn::app {
namespace {

struct HelpLine {
  std::string left, help;
};

std::string help_lines(const std::vector<HelpLine>& lines, std::size_t column) {
  std::string text;
  for (const HelpLine& line : lines) {
    const std::string& left = line.left;
    const std::string help = wrap(line.help, terminal_width(), static_cast<int>(column));
    // A long left side gets a line of its own, the help stays in its column.
    if (left.size() + 4 > column) {
      text += fmt::format("  {}\n{:{}}{}\n", left, "", column, help);
    } else {
      text += fmt::format("  {:<{}}{}\n", left, column - 2, help);
    }
  }
  return text;
}

const char* phase_title(Phase phase) {
  switch (phase) {
    case Phase::begin:
      return "Begin";
    case Phase::make:
      return "Make";
    case Phase::look:
      return "Look";
    case Phase::prove:
      return "Prove and give away";
    case Phase::use:
      return "Use the model";
    case Phase::step:
      return "Steps, each also a verb (cairn pack --input documents=clean ...)";
  }
  return "";
}

}  // namespace

struct Verb::State {
  std::unique_ptr<CLI::App> app = std::make_unique<CLI::App>();
  std::string name, summary;
  Phase phase = Phase::begin;
  std::vector<std::string> usage;
  std::vector<std::string> option_names;
  std::vector<HelpLine> positionals, options, examples;
  std::function<ExitCode()> action;

  CLI::Option* declare(CLI::Option* option, const std::string& left, std::string help) {
    option_names.push_back(option->get_name(false));
    options.push_back({left, std::move(help)});
    return option;
  }

  std::string help(const std::vector<HelpLine>& global) const {
    std::string text =
        fmt::format("cairn {}: {}\n\nusage: cairn {}{}{}\n", name, summary, name, options.empty() ? "" : " [options]",
                    usage.empty() ? "" : " " + fmt::format("{}", fmt::join(usage, " ")));
    constexpr std::size_t column = 26;
    if (!positionals.empty()) text += "\n" + help_lines(positionals, column);
    if (!options.empty()) text += "\noptions:\n" + help_lines(options, column);
    if (!examples.empty()) {
      text += "\nexamples:\n";
      for (const auto& [command, what] : examples) {
        text += fmt::format("  {}\n", command);
        if (!what.empty()) text += fmt::format("      {}\n", what);
      }
    }
    return text + "\noptions of every verb:\n" + help_lines(global, column);
  }
};

Verb::Verb(std::shared_ptr<State> state) : state_(std::move(state)) {}

Verb& Verb::positional(std::string& target, std::string name, std::string help) {
  state_->app->add_option(name, target)->required()->type_name("");
  state_->usage.push_back(name);
  state_->positionals.push_back({std::move(name), std::move(help)});
  return *this;
}

Verb& Verb::optional_positional(std::string& target, std::string name, std::string help) {
  state_->app->add_option(name, target)->type_name("");
  state_->usage.push_back("[" + name + "]");
  state_->positionals.push_back({std::move(name), std::move(help)});
  return *this;
}

Verb& Verb::positionals(std::vector<std::string>& target, std::string name, std::string help, bool required) {
  state_->app->add_option(name, target)->required(required)->type_name("");
  state_->usage.push_back(required ? name + "..." : "[" + name + "...]");
  state_->positionals.push_back({name + "...", std::move(help)});
  return *this;
}

Verb& Verb::option(std::string& target, std::string name, std::string value, std::string help) {
  state_->declare(state_->app->add_option(name, target), name + " " + value, std::move(help));
  return *this;
}

Verb& Verb::option(std::int64_t& target, std::string name, std::string value, std::string help) {
  state_->declare(state_->app->add_option(name, target), name + " " + value, std::move(help));
  return *this;
}

Verb& Verb::option(double& target, std::string name, std::string value, std::string help) {
  state_->declare(state_->app->add_option(name, target), name + " " + value, std::move(help));
  return *this;
}

Verb& Verb::option(std::vector<std::string>& target, std::string name, std::string value, std::string help) {
  // One value each time, so that `--set a=1 PIPELINE` does not swallow the positional.
  CLI::Option* option = state_->app->add_option(name, target)->expected(1)->allow_extra_args(false);
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  state_->declare(option, name + " " + value, std::move(help) + " (may be repeated)");
  return *this;
}

Verb& Verb::flag(bool& target, std::string name, std::string help) {
  state_->declare(state_->app->add_flag(name, target), name, std::move(help));
  return *this;
}

Verb& Verb::example(std::string command, std::string what) {
  state_->examples.push_back({std::move(command), std::move(what)});
  return *this;
}

Verb& Verb::run(std::function<ExitCode()> action) {
  state_->action = std::move(action);
  return *this;
}

struct CommandLine::State {
  CLI::App app;  // the options before the verb
  std::string version;
  GlobalOptions globals;
  bool wants_help = false, wants_version = false;
  std::vector<std::shared_ptr<Verb::State>> verbs;
  std::vector<HelpLine> global_help;
  std::vector<std::string> global_names;

  // Declared for the program and again for each verb: they may stand before or after it.
  void declare_globals(CLI::App& target) {
    target.set_help_flag();
    target.add_option("-C,--workspace", globals.workspace);
    target.add_option("--threads", globals.threads)->check(CLI::Range(0, 4096));
    target.add_flag("--json", globals.json);
    target.add_flag("-v,--verbose", globals.verbose);
    target.add_flag("-q,--quiet", globals.quiet);
    target.add_flag("-h,--help", wants_help);
  }

  const Verb::State& find(const std::string& name) const;
  void parse(const Verb::State& verb, std::vector<std::string> words) const;
  std::string overview() const;
};

std::string CommandLine::State::overview() const {
  std::string text = fmt::format(
      "cairn {}: takes an open model from documents to a signed release, and records\n"
      "everything that went into it, so that anyone can ask, check and repeat.\n\n"
      "usage: cairn VERB [options]      cairn VERB --help tells more\n",
      version);
  for (const Phase phase : {Phase::begin, Phase::make, Phase::look, Phase::prove, Phase::use, Phase::step}) {
    std::vector<HelpLine> lines;
    for (const auto& verb : verbs) {
      if (verb->phase == phase) lines.push_back({verb->name, verb->summary});
    }
    if (!lines.empty()) text += fmt::format("\n{}\n", phase_title(phase)) + help_lines(lines, 20);
  }
  return text + "\nFirst time here?  cairn init  and then  cairn run PIPELINE.json\n";
}

const Verb::State& CommandLine::State::find(const std::string& name) const {
  if (name.substr(0, 1) == "-") {
    const std::string near = nearest_name(name, global_names);
    fail_usage("there is no option '{}' before the verb{}", name, near.empty() ? "" : ". Did you mean '" + near + "'?");
  }
  std::vector<std::string> names;
  for (const auto& verb : verbs) {
    if (verb->name == name) return *verb;
    names.push_back(verb->name);
  }
  const std::string near = nearest_name(name, names);
  if (near.empty()) fail_usage("there is no verb '{}'; `cairn` alone lists them", name);
  fail_usage("there is no verb '{}'. Did you mean '{}'?", name, near);
}

void CommandLine::State::parse(const Verb::State& verb, std::vector<std::string> words) const {
  const std::string who = "cairn " + verb.name;
  const std::string more = fmt::format("; {} --help tells what fits", who);
  try {
    std::reverse(words.begin(), words.end());
    verb.app->parse(words);
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extras = verb.app->remaining();
    if (wants_help || extras.empty()) return;
    const std::string& word = extras.front();
    if (word.substr(0, 1) != "-") fail_usage("{}: '{}' is one word too many{}", who, word, more);
    std::vector<std::string> names = global_names;
    names.insert(names.end(), verb.option_names.begin(), verb.option_names.end());
    const std::string near = nearest_name(word.substr(0, word.find('=')), names);
    if (near.empty()) fail_usage("{}: there is no option '{}'{}", who, word, more);
    fail_usage("{}: there is no option '{}'. Did you mean '{}'?", who, word, near);
  } catch (const CLI::RequiredError& error) {
    if (wants_help) return;
    const std::string message = error.what();
    fail_usage("{}: {} is missing{}", who, message.substr(0, message.find(' ')), more);
  } catch (const CLI::ParseError& error) {
    if (wants_help) return;
    fail_usage("{}: {}{}", who, error.what(), more);
  }
}

CommandLine::CommandLine(std::string version) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.version = std::move(version);
  state.declare_globals(state.app);
  state.app.add_flag("--version", state.wants_version);
  state.app.prefix_command();
  state.global_help = {{"-C, --workspace DIR", "the workspace; else this folder or one above it"},
                       {"--json", "results as JSON on standard output"},
                       {"--threads N", "threads to use; results do not depend on it"},
                       {"-v, --verbose", "say more; errors with all of their context"},
                       {"-q, --quiet", "no progress, no notes"},
                       {"-h, --help", "this page"}};
  state.global_names = {"--workspace", "--json", "--threads", "--verbose", "--quiet", "--help", "--version"};
}

CommandLine::~CommandLine() = default;

GlobalOptions& CommandLine::globals() {
  return state_->globals;
}

bool CommandLine::has(const std::string& name) const {
  for (const auto& verb : state_->verbs) {
    if (verb->name == name) return true;
  }
  return false;
}

Verb CommandLine::verb(std::string name, Phase phase, std::string summary) {
  if (has(name)) fail("verb '{}' is declared twice", name);
  auto verb = std::make_shared<Verb::State>();
  state_->declare_globals(*verb->app);
  verb->name = std::move(name);
  verb->phase = phase;
  verb->summary = std::move(summary);
  state_->verbs.push_back(verb);
  return Verb(verb);
}

ExitCode CommandLine::run(const std::vector<std::string>& arguments,
                          const std::function<void(const GlobalOptions&)>& before_action) {
  State& state = *state_;
  try {
    state.app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    fail_usage("{}; `cairn --help` tells what fits", error.what());
  }
  if (state.wants_version) {
    fmt::print("cairn {}\n", state.version);
    return ExitCode::done;
  }
  std::vector<std::string> words = state.app.remaining();
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    state.wants_help = true;
  }
  if (words.empty()) {
    fmt::print("{}", state.overview());
    return ExitCode::done;
  }
  const Verb::State& verb = state.find(words.front());
  words.erase(words.begin());
  state.parse(verb, std::move(words));
  if (state.wants_help) {
    fmt::print("{}", verb.help(state.global_help));
    return ExitCode::done;
  }
  before_action(state.globals);
  return verb.action();
}

}  // namespace cairn::app
