// Which current artifacts a run of today would make differently: their recipe has moved on.
#pragma once

#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "engine/steps/step.h"
#include "lineage/workspace.h"

namespace cairn::steps {

struct StaleArtifact {
  std::string name;                  // "base@3"
  std::vector<std::string> reasons;  // one line each
};

// Of every name. An artifact is fresh when one of the runs that made these bytes is; a run is stale when its step has a newer
// version in this program, or is gone; when an input was the current meaning of a name as it was read and that name means
// something else now; when an input was adopted in place and its files have changed, come or gone since; or when an input is
// itself stale. The reasons are those of the newest run. In the order of names; empty when all is fresh. Files outside are
// hashed, on `threads` when given.
std::vector<StaleArtifact> find_stale(lineage::Workspace& workspace, const StepRegistry& registry, ThreadPool* threads);

}  // namespace cairn::steps
