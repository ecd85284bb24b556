// The steps that write a model for other people's software, and read theirs (export.cpp, megatron_steps.cpp).
#pragma once

#include "engine/steps/step.h"

namespace cairn::model {

extern const steps::StepSpec kExport;          // checkpoint + tokenizer -> Hugging Face folder
extern const steps::StepSpec kExportMegatron;  // checkpoint -> Megatron-named tensors, cut for tensor parallelism
extern const steps::StepSpec kImportMegatron;  // the same -> model folder

}  // namespace cairn::model
