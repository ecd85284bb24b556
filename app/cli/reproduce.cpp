// cairn reproduce ARTIFACT: makes it again and compares bits.
#include "engine/steps/reproduce.h"
#include "app/cli/cli.h"
#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "app/comparers.h"
#include "base/format.h"
#include "base/json.h"
#include "base/log.h"

namespace cairn::app {
namespace {

Json reproduction_json(const steps::Reproduction& result) {
  Json json = {{"verdict", result.line()}, {"identical", result.verdict == steps::Verdict::identical},
               {"step", result.step},      {"same_class", result.same_class},
               {"notes", result.notes},    {"seconds", result.seconds},
               {"outputs", Json::array()}};
  json["run"] = result.original ? Json(*result.original) : Json(nullptr);
  json["reproduction"] = result.run ? Json(*result.run) : Json(nullptr);
  for (const steps::OutputComparison& output : result.outputs) {
    Json each = {{"role", output.role},
                 {"recorded", "sha256:" + output.recorded.hex()},
                 {"again", "sha256:" + output.again.hex()},
                 {"identical", !output.difference}};
    if (output.difference) {
      each["file"] = output.difference->file;
      each["difference"] = output.difference->what;
      each["step"] = output.difference->step ? Json(*output.difference->step) : Json(nullptr);
    }
    json["outputs"].push_back(std::move(each));
  }
  return json;
}

ExitCode reproduce(Session& session, const std::string& text, const steps::ReproduceOptions& options) {
  lineage::Workspace& workspace = session.workspace();
  const lineage::Artifact artifact = workspace.ledger().resolve(text);
  const steps::Reproduction result =
      steps::reproduce(workspace, session.steps(), session.executor_settings(), content_comparers(), artifact, options);
  if (session.json()) {
    print_json(reproduction_json(result));
    return result.exit_code();
  }
  for (const std::string& note : result.notes) log_note(note);
  for (const steps::OutputComparison& output : result.outputs) {
    fmt::print("{}: recorded {}  now {}  {}\n", output.role, output.recorded.short_hex(), output.again.short_hex(),
               output.difference ? "different" : "identical");
  }
  fmt::print("{}\n", result.line());
  return result.exit_code();
}

}  // namespace

void add_reproduce(CommandLine& line, Session& session) {
  struct Options {
    std::string artifact;
    steps::ReproduceOptions how;
  };
  auto options = std::make_shared<Options>();
  line.verb("reproduce", Phase::prove, "make an artifact again from its record and compare bits")
      .positional(options->artifact, "ARTIFACT", "a name (base, base@3), or a digest's first letters")
      .flag(options->how.other_class, "--other-class", "compare although this kind of machine promises no equal bits")
      .example("cairn reproduce base", "exit code 0: identical; 1: different, and where; 3: could not be made again, and why")
      .run([&session, options] { return reproduce(session, options->artifact, options->how); });
}

}  // namespace cairn::app
