// Running a pipeline from a verb: progress, one line a step, a summary (run.cpp).
#pragma once

#include "base/error.h"
#include "engine/steps/executor.h"

namespace cairn::app {

class Session;

ExitCode execute(Session& session, const steps::Pipeline& pipeline, steps::ExecutionOptions options);

}  // namespace cairn::app
