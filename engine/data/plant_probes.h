// Planting probes of memorisation in training data (docs/memorisation.md).
#pragma once

#include "engine/steps/step.h"

namespace cairn::data {

extern const steps::StepSpec kPlantProbes;

}  // namespace cairn::data
