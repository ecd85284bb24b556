#include "app/cli/report.h"

#include <fmt/core.h>

#include "base/format.h"
#include "base/json.h"
#include "engine/steps/executor.h"

namespace cairn::app {

using namespace lineage;

std::string artifact_label(const Ledger& ledger, ArtifactId artifact) {
  const std::vector<Ref> refs = ledger.refs();
  for (const Ref& ref : refs) {
    if (ref.artifact == artifact) return fmt::format("{}@{}", ref.name, ref.generation);
  }
  for (const Ref& ref : refs) {
    for (int generation = ref.generation - 1; generation > 0; --generation) {
      const std::optional<Ref> earlier = ledger.ref(ref.name, generation);
      if (earlier && earlier->artifact == artifact) return fmt::format("{}@{}", ref.name, generation);
    }
  }
  return ledger.artifact(artifact).digest.short_hex();
}

Json artifact_json(const Ledger& ledger, const Artifact& artifact) {
  return {
      {"digest", "sha256:" + artifact.digest.hex()},
      {"kind", artifact.kind},
      {"form", artifact.is_tree ? "tree" : "file"},
      {"bytes", artifact.bytes},
      {"items", artifact.items},
      {"created", format_iso8601(artifact.created)},
      {"trust", trust_name(ledger.trust(artifact.id))},
      {"name", artifact_label(ledger, artifact.id)},
      {"facts", parse_json(artifact.meta, "meta")},
  };
}

Json run_json(const Ledger& ledger, const Run& run) {
  Json json = {
      {"run", run.id},
      {"uuid", run.uuid.text()},
      {"step", run.op},
      {"version", run.op_version},
      {"state", run_state_name(run.state)},
      {"started", format_iso8601(run.started)},
      {"seed", run.seed},
      {"config", parse_json(run.config, "config")},
      {"runtime", parse_json(run.runtime, "runtime")},
      {"environment", parse_json(run.environment, "environment")},
      {"determinism", fmt::format("L{}", run.determinism)},
      {"determinism_class", run.determinism_class},
      {"recipe", run.recipe.hex()},
      {"action", run.action.hex()},
      {"code", "sha256:" + run.code.hex()},
      {"revision", run.revision},
      {"note", run.note},
      {"inputs", Json::array()},
      {"outputs", Json::array()},
  };
  json["ended"] = run.ended > 0 ? Json(format_iso8601(run.ended)) : Json(nullptr);
  if (run.attempt_of) json["attempt_of"] = *run.attempt_of;
  if (run.reproduction_of) json["reproduction_of"] = *run.reproduction_of;
  const auto list = [&](const char* key, const std::vector<RunInput>& edges) {
    for (const RunInput& edge : edges) {
      json[key].push_back({{"role", edge.role},
                           {"artifact", "sha256:" + ledger.artifact(edge.artifact).digest.hex()},
                           {"name", artifact_label(ledger, edge.artifact)}});
    }
  };
  list("inputs", run.inputs);
  list("outputs", run.outputs);
  return json;
}

void print_step_result(const steps::StepResult& result, std::size_t name_width) {
  std::string line = fmt::format("{:<{}}  ", result.name, name_width);
  switch (result.status) {
    case steps::StepStatus::ran:
      line += fmt::format("{:>7}", format_duration(result.seconds));
      break;
    case steps::StepStatus::cached:
      line += "   done";
      break;
    case steps::StepStatus::would_run:
      line += "    run";
      break;
  }
  const std::string name = result.refs.empty() || result.status == steps::StepStatus::would_run ? "" : result.refs.front();
  line += fmt::format("  {:<{}}  {}", name, name_width + 4,
                      result.status == steps::StepStatus::would_run ? "would run " + result.step : result.summary);
  line.erase(line.find_last_not_of(' ') + 1);
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

Json step_result_json(const Ledger& ledger, const steps::StepResult& result) {
  const char* status = result.status == steps::StepStatus::ran      ? "ran"
                       : result.status == steps::StepStatus::cached ? "cached"
                                                                    : "would run";
  Json json = {{"name", result.name},       {"step", result.step}, {"status", status},
               {"summary", result.summary}, {"refs", result.refs}, {"outputs", Json::object()}};
  json["run"] = result.run ? Json(*result.run) : Json(nullptr);
  if (result.status == steps::StepStatus::ran) json["seconds"] = result.seconds;
  for (const auto& [role, artifact] : result.outputs) json["outputs"][role] = "sha256:" + ledger.artifact(artifact).digest.hex();
  return json;
}

}  // namespace cairn::app
