#include "app/cli/readings.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "app/cli/report.h"
#include "app/cli/run_argument.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/schema.h"
#include "engine/train/data_inputs.h"
#include "engine/train/steps.h"

namespace cairn::app {

namespace {

std::vector<std::filesystem::path> data_folders(lineage::Workspace& workspace, const lineage::Run& run) {
  std::vector<std::filesystem::path> folders;
  for (const lineage::RunInput& input : run.inputs) {
    if (input.role == "data") folders.push_back(workspace.path_of(input.artifact));
  }
  return folders;
}

// The checkpoint whose facts tell what its run read.
struct Told {
  lineage::ArtifactId checkpoint = 0;
  Json facts;
};
std::optional<Told> told_by(const lineage::Ledger& ledger, const lineage::Run& run) {
  if (run.state != lineage::RunState::done) return std::nullopt;
  for (const lineage::RunOutput& output : run.outputs) {
    const lineage::Artifact artifact = ledger.artifact(output.artifact);
    if (artifact.kind != "checkpoint") continue;
    Json facts = parse_json(artifact.meta, "facts of " + artifact.digest.short_hex());
    if (facts.contains("read_set")) return Told{artifact.id, std::move(facts)};
  }
  return std::nullopt;
}

Training done_training(lineage::Workspace& workspace, const lineage::Run& run, const Told& told) {
  const std::vector<std::filesystem::path> folders = data_folders(workspace, run);
  const train::ReadSet read = train::ReadSet::from_json(told.facts.at("read_set"));
  std::optional<train::MaskOptions> masks;
  if (told.facts.contains("masks")) masks = train::masks_from_json(told.facts.at("masks"));
  return {run,  told.checkpoint, artifact_label(workspace.ledger(), told.checkpoint),
          read, folders,         train::map_shards(read, folders),
          masks};
}

// What a run under way, or one that stopped, reads by its config.
Training planned_training(lineage::Workspace& workspace, const lineage::Run& run) {
  const Config config(train::kPretrain.config.complete(parse_json(run.config, "config"), "config"));
  const std::vector<std::filesystem::path> folders = data_folders(workspace, run);
  const train::ReadSet read = train::plan_reading(config, folders, run.seed, std::numeric_limits<std::int32_t>::max()).read;
  std::optional<train::MaskOptions> masks;
  const std::optional<text::Tokenizer> tokenizer = tokenizer_of(workspace, run);
  const auto id = [&](const char* token) { return tokenizer ? tokenizer->id_of(token) : std::nullopt; };
  if (id("</s>") && id("<pad>")) masks = train::read_masks(config, *id("</s>"), *id("<pad>"));
  return {run, 0, run.op, read, folders, train::map_shards(read, folders), masks};
}

}  // namespace

std::vector<Training> trainings_of(lineage::Workspace& workspace) {
  const lineage::Ledger& ledger = workspace.ledger();
  std::vector<Training> trainings;
  for (const lineage::Run& run : ledger.runs()) {
    if (run.reproduction_of) continue;
    try {
      if (const std::optional<Told> told = told_by(ledger, run)) trainings.push_back(done_training(workspace, run, *told));
    } catch (const Error& error) {
      log_warning(fmt::format("run {} is left out: {}", run.id, error.what()));
    }
  }
  std::reverse(trainings.begin(), trainings.end());
  return trainings;
}

Training training_of(lineage::Workspace& workspace, const std::string& text) {
  const lineage::Run run = find_run(workspace, workspace.ledger(), text);
  if (const std::optional<Told> told = told_by(workspace.ledger(), run)) return done_training(workspace, run, *told);
  if (run.op != train::kPretrain.name) {
    fail_usage("'{}' is run {}, a {}: only a pretrain reads documents in numbered steps", text, run.id, run.op);
  }
  return planned_training(workspace, run);
}

std::optional<text::Tokenizer> tokenizer_of(lineage::Workspace& workspace, const lineage::Run& run) {
  const auto of_inputs = [&](const lineage::Run& from) -> std::optional<text::Tokenizer> {
    for (const lineage::RunInput& input : from.inputs) {
      if (input.role == "tokenizer") return text::Tokenizer::load(workspace.path_of(input.artifact));
    }
    return std::nullopt;
  };
  if (auto tokenizer = of_inputs(run)) return tokenizer;
  for (const lineage::RunInput& input : run.inputs) {
    if (input.role != "data") continue;
    const std::optional<lineage::Run> packed = workspace.ledger().producer(input.artifact);
    if (packed) return of_inputs(*packed);
  }
  return std::nullopt;
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
