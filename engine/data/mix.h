// Mixing: documents of several inputs -> what each stage of a training reads, drawn in stated amounts (docs/mixing.md).
#pragma once

#include "engine/steps/step.h"

namespace cairn::data {

extern const steps::StepSpec kMix;

}  // namespace cairn::data
