// A pipeline: a JSON file that names steps and wires outputs to inputs (DESIGN.md §1).
//
//   {"pipeline": "demo", "seed": 7,
//    "steps": {"clean":  {"step": "curate", "inputs": {"documents": "corpus.documents"}, "config": {...}, "runtime": {...},
//    "seed": 3}, ...}, "extends": "base.json", "matrix": {"base.config.lr": [0.001, 0.0003]}}
//
// An input is "STEP.OUTPUT" of this pipeline ("STEP" where one output alone fits), an artifact of the workspace ("base@3",
// "sha256:..", a name), or a path ("./x", "../x", "/x"), adopted in place; a list of these where the step takes several.
//
// `extends` names another pipeline file, of which this one is a JSON merge patch (RFC 7386: null removes). Relative paths are
// relative to the file that first names their step. `matrix` makes a grid: the steps that an axis names, and all that depend on
// them, are multiplied, one copy a value, named "base-lr-0_001" (or "base-hot" for an axis {"hot": 0.001, ...}); several axes
// give all combinations.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/steps/step.h"

namespace cairn::steps {

struct Wire {
  std::string text;          // as written
  std::string step, output;  // of this pipeline; both empty for an artifact of the workspace or a path
  std::string hint;          // the "STEP.OUTPUT" that `text` may be a typo of, for the error when no artifact has the name
};

struct PipelineStep {
  std::string name;  // in the pipeline: "clean"
  const StepSpec* spec = nullptr;
  std::map<std::string, std::vector<Wire>> inputs;
  Json config, runtime;             // completed by the step's schemas
  std::vector<OutputSpec> outputs;  // in the order of the step; the first is what the name of the step alone means
  std::uint64_t seed = 0;
  std::filesystem::path folder;  // that relative paths are relative to
};

struct Pipeline {
  std::string name;
  std::vector<PipelineStep> steps;  // each after those that it reads
};

// `settings`: "STEP.config.KEY=VALUE", "STEP.runtime.KEY=VALUE", "STEP.seed=VALUE", "STEP.inputs.ROLE=VALUE", "seed=VALUE"; VALUE
// is JSON, or else a string. Everything that can be checked without a workspace is; Error (usage) names file, step and place, and
// the nearest known name for unknown steps, roles, outputs and keys; a cycle is named step by step. `registry` must outlive the
// pipeline.
Pipeline read_pipeline(const std::filesystem::path& file, const std::vector<std::string>& settings, const StepRegistry& registry);

// The same of a value that is already read; `origin` begins its errors, relative paths are relative to `folder`.
Pipeline parse_pipeline(const Json& value, const std::string& origin, const std::filesystem::path& folder,
                        const std::vector<std::string>& settings, const StepRegistry& registry);

// "a.b[2].c=VALUE" applied to `target` (an object is made where there is none). VALUE is JSON, or else a string.
void apply_setting(Json& target, const std::string& setting);

// Does an input's text name a path rather than an artifact?
bool names_path(const std::string& text);

// Error (usage) unless `kind` may be the input `declared`; `what` names the artifact, `place` the input.
void check_kind(const InputSpec& declared, const std::string& kind, const std::string& what, const std::string& place);

}  // namespace cairn::steps
