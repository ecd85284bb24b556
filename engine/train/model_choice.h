// Which model a training starts from: a preset, dimensions, or another checkpoint; and the tokenizer it has to fit.
#pragma once

#include "base/schema.h"
#include "engine/model/parameters.h"
#include "engine/steps/step_context.h"

namespace cairn::train {

// {"preset": NAME}, or a family (apertus when left out), and dimensions, which replace the preset's.
Schema model_schema();

// The shape that a "model" config names. The vocabulary is, in this order: the config's, the tokenizer's where there is one
// (`tokenizer_vocab` > 0), the preset's. Error (usage) on a dimension that is missing or does not fit.
model::ModelConfig model_shape(const Config& config, std::int64_t tokenizer_vocab);

// The shape that a step's config or its input "init" names, before any weights are made or read.
model::ModelConfig choose_shape(const steps::StepContext& ctx);

// Parameters in float32: loaded from the input "init" where there is one (then the config must not name a model), else
// initialised from the run's seed in the shape of config "model". The special tokens are those of the input "tokenizer", where
// there is one; there is at least one end token.
model::Parameters choose_model(const steps::StepContext& ctx);

// Error (usage) when the model has fewer positions than a sample has tokens.
void check_sequence_length(const model::ModelConfig& model, std::int64_t sequence_length);

}  // namespace cairn::train
