// Declaring verbs: a thin layer over CLI11, so that only arguments.cpp includes its heavy headers, and so that help reads the
// same for every verb.
//
//   struct Options { std::string artifact; };
//   auto options = std::make_shared<Options>();
//   line.verb("show", Phase::look, "what an artifact is and how it came to be")
//       .positional(options->artifact, "ARTIFACT", "a name (base, base@3, clean.documents), or a digest's first letters")
//       .run([&session, options] { return show(session, options->artifact); });
//
// Targets must outlive the parse: keep them in the shared_ptr that the action captures.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace cairn::app {

// How `cairn` alone groups its verbs.
enum class Phase { begin, make, look, prove, use, step };

class Verb {
 public:
  Verb& positional(std::string& target, std::string name, std::string help);           // required
  Verb& optional_positional(std::string& target, std::string name, std::string help);  // stays as it is when absent
  Verb& positionals(std::vector<std::string>& target, std::string name, std::string help,
                    bool required = true);  // takes the rest

  // `name` is "--set"; `value` names what follows in the help: "KEY=VALUE".
  Verb& option(std::string& target, std::string name, std::string value, std::string help);
  Verb& option(std::int64_t& target, std::string name, std::string value, std::string help);
  Verb& option(double& target, std::string name, std::string value, std::string help);
  Verb& option(std::vector<std::string>& target, std::string name, std::string value, std::string help);  // may be repeated
  Verb& flag(bool& target, std::string name, std::string help);

  Verb& example(std::string command, std::string what);  // shown under the verb's help
  Verb& run(std::function<ExitCode()> action);

 private:
  friend class CommandLine;
  struct State;
  explicit Verb(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// Options that stand before or after any verb.
struct GlobalOptions {
  std::string workspace;  // -C
  bool verbose = false;
  bool quiet = false;
  bool json = false;
  std::int64_t threads = 0;  // 0: one per core
};

class CommandLine {
 public:
  explicit CommandLine(std::string version);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  Verb verb(std::string name, Phase phase, std::string summary);  // Error on a name taken
  bool has(const std::string& name) const;
  GlobalOptions& globals();

  // Parses and runs one verb. `arguments` without the program's name. Help and version go to standard output.
  // Error (usage) on anything that does not fit, naming the verb and the nearest option or verb.
  ExitCode run(const std::vector<std::string>& arguments, const std::function<void(const GlobalOptions&)>& before_action);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::app
