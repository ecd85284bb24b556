// Which current artifacts a run of today would make differently: their recipe has moved on.
#pragma once

#include <string>
#include <vector>

#include "engine/steps/step.h"
#include "lineage/workspace.h"

namespace cairn::steps {

struct StaleArtifact {
  std::string name;                  // "base@3"
  std::vector<std::string> reasons;  // one line each
};

// Of every name: the step has a newer version in this program, or is gone; an input was the current meaning of a name when it was
// read and that name means something else now; an input is itself stale. In the order of names; empty when all is fresh.
std::vector<StaleArtifact> find_stale(lineage::Ledger& ledger, const StepRegistry& registry);

}  // namespace cairn::steps
