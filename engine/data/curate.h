// step curate: documents through a chain of filters -> kept documents, held-out documents, and a decision for every document that
// came in.
#pragma once

#include "engine/steps/step.h"

namespace cairn::data {

extern const steps::StepSpec kCurate;

}  // namespace cairn::data
