// The shape of an Apertus model, read from and written to a Hugging Face config.json (spec/apertus.md §1.1, §1.7).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "kernels/ops.h"

namespace cairn::model {

struct ModelConfig {
  std::int64_t layers = 0;
  std::int64_t width = 0;            // D, hidden_size
  std::int64_t heads = 0;            // H
  std::int64_t kv_heads = 0;         // K
  std::int64_t head_width = 0;       // E, width / heads unless head_dim says otherwise
  std::int64_t mlp_width = 0;        // F, intermediate_size
  std::int64_t vocab = 0;            // V
  std::int64_t max_positions = 0;
  double norm_eps = 1e-5;
  double rope_theta = 500000;
  RopeScaling rope_scaling{};
  std::int32_t bos = 1;
  std::vector<std::int32_t> eos{2};  // generation stops at any of these
  std::int32_t pad = 3;

  std::int64_t parameters() const;                    // weights, norms and xIELU scalars
  std::int64_t matmul_parameters() const;             // weights that take part in matrix products (blocks + head)
  double train_flops_per_token(std::int64_t T) const; // 6 per matmul weight + causal attention 6*layers*width*T
};

// Accepts both rope_scaling + rope_theta and the newer rope_parameters. Errors name the file and the key.
ModelConfig read_hf_config(const std::filesystem::path& config_json);
Json to_hf_config(const ModelConfig& config);         // as transformers 5 writes it, dtype float32

// Named presets ("tiny-10m", ...), from assets/presets/*.json embedded by the build; Error (usage) lists the known names.
ModelConfig preset(const std::string& name);
std::vector<std::string> preset_names();

}  // namespace cairn::model
