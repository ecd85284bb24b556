// step score-documents: documents + a classifier's head (+ an encoder) -> the same documents with a score.
#pragma once

#include "engine/steps/step.h"

namespace cairn::score {

extern const steps::StepSpec kScoreDocuments;

}  // namespace cairn::score
