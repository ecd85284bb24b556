// One step made ready: its inputs found and checked, its action key known. The executor looks the key up and, if need be, runs
// it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/steps/pipeline.h"
#include "engine/steps/step_context.h"
#include "lineage/workspace.h"

namespace cairn::steps {

struct ExecutorSettings;

struct Action {
  lineage::NewRun run;  // all but uuid, attempt_of and the time
  std::map<std::string, std::vector<StepInput>> inputs;
  std::optional<Digest> key;  // empty in a dry run when an input is not in the ledger yet
};

// What "STEP.OUTPUT" means now; empty when a dry run has not made it.
using OutputLookup = std::function<std::optional<lineage::ArtifactId>(const Wire&)>;

enum class Adopting {
  yes,  // files outside the workspace become artifacts
  no,   // they are hashed and looked up only
};

// Error (usage) for an artifact that nobody knows or of the wrong kind; Error when bytes are gone or, for what lies outside the
// workspace, are not those that were recorded.
Action make_action(lineage::Workspace& workspace, const ExecutorSettings& settings, const PipelineStep& step,
                   const OutputLookup& lookup, Adopting adopting, std::int64_t now);

// An artifact as a step reads it: where its bytes lie; for one in place outside the workspace also which files belong to it,
// after checking that they still are what was recorded.
StepInput open_artifact(lineage::Workspace& workspace, const lineage::Artifact& artifact, const std::string& label,
                        ThreadPool* threads);

}  // namespace cairn::steps
