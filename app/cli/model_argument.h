// MODEL on the command line: a Hugging Face folder, or the name of a model artifact in the workspace.
#pragma once

#include <filesystem>
#include <string>

#include "app/cli/cli.h"
#include "kernels/tensor.h"

namespace cairn::app {

struct ModelArgument {
  std::filesystem::path folder;
  std::string name;    // what to call it: the artifact's name, or the folder's
  std::string digest;  // "sha256:..." of the artifact; empty for a folder outside of a workspace
};

// Error (usage) when `text` is neither, or an artifact of another kind.
ModelArgument find_model(Session& session, const std::string& text);

// --dtype: the type that a model's weights are held and computed in, "f32" or "bf16"; Error (usage) otherwise.
Dtype model_dtype(const std::string& text);
constexpr const char* kModelDtypeHelp = "of weights and activations: f32 or bf16, which takes half the memory (default: f32)";

// --device, for those who compute with a model.
constexpr const char* kModelDeviceHelp = "what computes: cpu, or a GPU: cuda:0, cuda:1, ... (default: cpu)";

}  // namespace cairn::app
