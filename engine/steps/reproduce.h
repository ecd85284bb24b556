// Making an artifact again from its record and comparing bits (spec/lineage.md §4.1).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/steps/compare.h"
#include "engine/steps/executor.h"

namespace cairn::steps {

enum class Verdict { identical, different, not_reproducible };

struct OutputComparison {
  std::string role;
  Digest recorded, again;
  std::optional<Difference> difference;
};

struct Reproduction {
  Verdict verdict = Verdict::not_reproducible;
  std::string reason;              // why it could not be reproduced
  std::vector<std::string> notes;  // what differs of program and machine, in words
  bool same_class = true;
  std::optional<lineage::RunId> original, run;  // run: the new one, in the ledger with reproduction_of
  std::string step;
  std::vector<OutputComparison> outputs;
  double seconds = 0;

  // One line: "IDENTICAL", "DIFFERENT (same class): ...", "NOT REPRODUCIBLE: ...".
  std::string line() const;
  ExitCode exit_code() const;  // done, failed, unchecked
};

struct ReproduceOptions {
  bool other_class = false;  // run although the determinism class differs; a difference is then expected
};

// Runs the step that made `artifact` again, with the recorded config, seed, time and inputs, from nothing: no scratch, no cache.
// Every input is hashed first. What it makes is compared and thrown away; the ledger gets a run with reproduction_of, done when
// all outputs are identical, else failed with the verdict as its note. Throws only for what is not the artifact's fault: wrong
// usage, an interruption.
Reproduction reproduce(lineage::Workspace& workspace, const StepRegistry& registry, const ExecutorSettings& settings,
                       const ComparersByExtension& comparers, const lineage::Artifact& artifact, const ReproduceOptions& options);

}  // namespace cairn::steps
