// Mixing of documents that are packed already (docs/mixing.md).
#pragma once

#include "engine/steps/step.h"

namespace cairn::data {

extern const steps::StepSpec kMixShards;

}  // namespace cairn::data
