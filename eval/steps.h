// The steps of this folder, for app/steps.cpp.
#pragma once

#include "engine/steps/step.h"

namespace cairn::eval {

extern const steps::StepSpec kDeriveTasks;           // held-out documents -> tasks
extern const steps::StepSpec kEvaluate;              // models x tasks -> results, samples, report
extern const steps::StepSpec kEvaluateMemorisation;  // models x planted probes -> what they remember

}  // namespace cairn::eval
