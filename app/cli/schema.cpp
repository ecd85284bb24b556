// cairn schema: what a step takes, makes and can be told.
#include <fmt/format.h>

#include "app/cli/cli.h"
#include "app/cli/layout.h"
#include "app/cli/verbs.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/steps/step.h"

namespace cairn::app {
namespace {

constexpr std::string_view kLastTitle = "what it is";  // of the tables, as in Schema::describe

const char* exactness_text(steps::Exactness exactness) {
  switch (exactness) {
    case steps::Exactness::everywhere:
      return "the same bytes on any machine and any number of threads (L3)";
    case steps::Exactness::within_class:
      return "the same bytes for the same binary and kind of machine (L1)";
    case steps::Exactness::none:
      return "no promise (L0)";
  }
  return "";
}

Json step_json(const steps::StepSpec& step) {
  Json json = {{"step", step.name},
               {"version", step.version},
               {"summary", step.summary},
               {"inputs", Json::array()},
               {"outputs", Json::array()},
               {"exactness", exactness_text(step.exactness)},
               {"config", step.config.json_schema()},
               {"runtime", step.runtime.json_schema()},
               {"class_fields", step.class_fields}};
  for (const steps::InputSpec& input : step.inputs) {
    json["inputs"].push_back(
        {{"role", input.role}, {"kind", input.kind}, {"help", input.help}, {"optional", input.optional}, {"many", input.many}});
  }
  for (const steps::OutputSpec& output : step.outputs)
    json["outputs"].push_back({{"role", output.role}, {"kind", output.kind}, {"help", output.help}});
  return json;
}

void print_step(const steps::StepSpec& step) {
  const int width = terminal_width();
  const std::string title = fmt::format("{} (version {}): {}", step.name, step.version, step.summary);
  fmt::print("{}\n{}\n", wrap(title, width, 0), exactness_text(step.exactness));
  TextTable roles({"", "role", "kind", std::string(kLastTitle)});
  for (const steps::InputSpec& input : step.inputs) {
    const std::string how = input.optional ? (input.many ? "any number; " : "optional; ") : input.many ? "one or more; " : "";
    roles.add({"input", input.role, input.kind, how + input.help});
  }
  for (const steps::OutputSpec& output : step.outputs) roles.add({"output", output.role, output.kind, output.help});
  const auto fields = [width](const Schema& schema) { return fold_table(schema.describe(), kLastTitle, width); };
  fmt::print("\n{}\nconfig\n{}", fold_table(roles.render(), kLastTitle, width), fields(step.config));
  if (!step.runtime.json_schema().value("properties", Json::object()).empty())
    fmt::print("\nruntime (recorded, not hashed{})\n{}",
               step.class_fields.empty() ? "" : fmt::format(", but for {}", fmt::join(step.class_fields, ", ")),
               fields(step.runtime));
}

ExitCode list_steps(Session& session) {
  if (session.json()) {
    Json all = Json::array();
    for (const steps::StepSpec* step : session.steps().all()) all.push_back(step_json(*step));
    print_json(all);
    return ExitCode::done;
  }
  TextTable table({"step", "version", "what it does"});
  for (const steps::StepSpec* step : session.steps().all()) table.add({step->name, std::to_string(step->version), step->summary});
  fmt::print("{}", table.render(terminal_width()));
  return ExitCode::done;
}

}  // namespace

void add_schema(CommandLine& line, Session& session) {
  auto name = std::make_shared<std::string>();
  line.verb("schema", Phase::begin, "what a step takes, makes and can be told")
      .optional_positional(*name, "STEP", "as in `cairn schema pack`; without it: all steps")
      .run([&session, name] {
        if (name->empty()) return list_steps(session);
        const steps::StepSpec& step = session.steps().find(*name);
        if (session.json()) {
          print_json(step_json(step));
        } else {
          print_step(step);
        }
        return ExitCode::done;
      });
}

}  // namespace cairn::app
