// The step that writes a model for other people's software (export.cpp).
#pragma once

#include "engine/steps/step.h"

namespace cairn::model {

extern const steps::StepSpec kExport;  // checkpoint + tokenizer -> Hugging Face folder

}  // namespace cairn::model
