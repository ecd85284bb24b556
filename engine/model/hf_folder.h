// Model folders as Hugging Face's transformers reads and writes them: config.json, generation_config.json, and weights in
// model.safetensors or, cut into several files, under model.safetensors.index.json (spec/apertus.md §1.6, §1.7, §6).
#pragma once

#include <filesystem>

#include "base/disk.h"
#include "engine/model/config.h"
#include "engine/model/parameters.h"
#include "engine/model/safetensors.h"

namespace cairn::model {

struct LoadedModel {
  ModelConfig config;
  Parameters parameters;
};

// `dtype` is f32, f64 or bf16; stored weights of any float type are converted straight into it, one tensor after another.
// Generation's stop tokens come from generation_config.json where it names some. Errors name the file and the tensor: a file that
// is missing, a tensor that is missing, unknown, or of another shape than config.json says.
LoadedModel load_hf_folder(const std::filesystem::path& folder, Dtype dtype);

// The weights alone, into parameters of the folder's shape.
void load_hf_weights(const std::filesystem::path& folder, Parameters& parameters);

// Writes config.json, generation_config.json and the weights (F32, BF16 or F16) into `folder`, which is created; none of the
// files may exist. The weights are model.safetensors or, where they take more than `max_file_bytes` (0 = no limit), files of at
// most that (a tensor is never cut) under model.safetensors.index.json. The bytes are a function of the arguments.
void write_hf_folder(Disk& disk, const std::filesystem::path& folder, const Parameters& parameters,
                     StoredType type = StoredType::f32, std::int64_t max_file_bytes = 0);

// The two parts of write_hf_folder, for who writes files another way: the texts of config.json and generation_config.json ...
struct NamedText {
  std::string name, text;
};
std::vector<NamedText> hf_config_files(const ModelConfig& config, StoredType type);
// ... and `weights` as they are stored, with the constants of xIELU (float32) that transformers keeps beside them.
std::vector<TensorToStore> hf_tensors(const std::vector<NamedTensor>& weights, StoredType type);

}  // namespace cairn::model
