// The steps of this folder, for app/steps.cpp.
#pragma once

#include "engine/steps/step.h"

namespace cairn::train {

extern const steps::StepSpec kPretrain;            // token shards -> checkpoint
extern const steps::StepSpec kSft;                 // checkpoint + conversations -> checkpoint
extern const steps::StepSpec kAverage;             // checkpoints -> model
extern const steps::StepSpec kDeriveInstructions;  // documents -> conversations, by rule

}  // namespace cairn::train
