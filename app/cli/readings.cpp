#include "app/cli/readings.h"

#include <algorithm>

#include <fmt/format.h>

#include "app/cli/report.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"

namespace cairn::app {

std::vector<Training> trainings_of(lineage::Workspace& workspace) {
  const lineage::Ledger& ledger = workspace.ledger();
  std::vector<Training> trainings;
  for (const lineage::Run& run : ledger.runs()) {
    if (run.state != lineage::RunState::done || run.reproduction_of) continue;
    for (const lineage::RunOutput& output : run.outputs) {
      const lineage::Artifact artifact = ledger.artifact(output.artifact);
      if (artifact.kind != "checkpoint") continue;
      const Json facts = parse_json(artifact.meta, "facts of " + artifact.digest.short_hex());
      if (!facts.contains("read_set")) continue;
      try {
        std::vector<std::filesystem::path> folders;
        for (const lineage::RunInput& input : run.inputs) {
          if (input.role == "data") folders.push_back(workspace.path_of(input.artifact));
        }
        const train::ReadSet read = train::ReadSet::from_json(facts.at("read_set"));
        trainings.push_back({run, artifact.id, artifact_label(ledger, artifact.id), read, train::map_shards(read, folders)});
      } catch (const Error& error) {
        log_warning(fmt::format("run {} is left out: {}", run.id, error.what()));
      }
    }
  }
  std::reverse(trainings.begin(), trainings.end());
  return trainings;
}

std::vector<std::string> made_from(const lineage::Ledger& ledger, lineage::ArtifactId checkpoint) {
  std::vector<std::string> labels;
  for (const lineage::Ledger::Step& step : ledger.downstream(checkpoint)) {
    const lineage::Artifact artifact = ledger.artifact(step.artifact);
    if (artifact.kind == "checkpoint" || artifact.kind == "model" || artifact.kind == "release") {
      labels.push_back(artifact_label(ledger, artifact.id));
    }
  }
  return labels;
}

}  // namespace cairn::app
