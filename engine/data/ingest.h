// step ingest: files outside the workspace -> documents.
#pragma once

#include "engine/steps/step.h"

namespace cairn::data {

extern const steps::StepSpec kIngest;

}  // namespace cairn::data
