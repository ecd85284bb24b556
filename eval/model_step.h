// What the steps that ask models of ours have in common: how models are called in results, where they compute, and one that is
// ready to be asked.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/schema.h"
#include "engine/model/hf_folder.h"
#include "engine/steps/step_context.h"
#include "engine/text/tokenizer.h"
#include "kernels/compute_device.h"

namespace cairn::eval {

constexpr std::size_t kNameBytes = 100;
bool can_be_in_file_names(const std::string& name);  // of a model or a task: at most kNameBytes, and no way to another folder

// The names of ctx.inputs("models") in results, which are parts of file names: config.names or, without, model-0, model-1, ...
// (how inputs are called is no part of what a run is known by). Error (usage): another number of names, one twice, or none that
// can be.
std::vector<std::string> model_names(const steps::StepContext& ctx);

std::unique_ptr<ComputeDevice> step_device(const steps::StepContext& ctx);  // as its runtime says

// Weights, in config.dtype and where `device` computes, and tokenizer of one of a step's models. `ctx` and `device` must outlive
// it.
class StepModel {
 public:
  StepModel(const steps::StepContext& ctx, const ComputeDevice& device, const steps::StepInput& input);

  Context& context() { return context_; }
  const model::Parameters& parameters() const { return loaded_.parameters; }
  const model::ModelConfig& config() const { return loaded_.config; }
  const text::Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  Context context_;
  model::LoadedModel loaded_;
  text::Tokenizer tokenizer_;
};

// One text is done: counts it, and stops the step if that is asked for.
void text_done(steps::StepContext& ctx, Progress& progress);

// Fields of such a step's config, and its runtime block.
Field names_field();
Field dtype_field();
Schema model_runtime();
Json model_device_facts(const Json& runtime);

}  // namespace cairn::eval
