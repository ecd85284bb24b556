// The shape of a model and what its block is made of, read from and written to a Hugging Face config.json (spec/apertus.md §1.1,
// §1.7; the other families as transformers has them).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"
#include "engine/model/architecture.h"
#include "kernels/rope_table.h"

namespace cairn::model {

struct ModelConfig {
  Architecture architecture;
  std::int64_t layers = 0;
  std::int64_t width = 0;       // D, hidden_size
  std::int64_t heads = 0;       // H
  std::int64_t kv_heads = 0;    // K
  std::int64_t head_width = 0;  // E, width / heads unless head_dim says otherwise
  std::int64_t mlp_width = 0;   // F, intermediate_size
  std::int64_t vocab = 0;       // V
  std::int64_t max_positions = 0;
  double norm_eps = 1e-5;
  double rope_theta = 500000;
  RopeScaling rope_scaling{};
  std::int32_t bos = 1;              // -1 = none: nothing is put in front of a text
  std::vector<std::int32_t> eos{2};  // generation stops at any of these; may be empty
  std::int32_t pad = 3;              // -1 = none

  std::int64_t parameters() const;         // all weights; a tied head counts once
  std::int64_t matmul_parameters() const;  // weights that take part in matrix products (blocks + head)
  // Of forward and backward: 6 per matmul weight and, for causal attention, 6 * layers * heads * head_width * T.
  double train_flops_per_token(std::int64_t T) const;
};

// Accepts both rope_scaling + rope_theta and the newer rope_parameters; what is left out has the value transformers gives it.
// Anything that would change the computation and is not supported (an unknown family or activation, a sliding window that would
// take effect, heads that do not divide) is refused. Errors name the file and the key; sizes are checked so that no later product
// of them overflows.
ModelConfig read_hf_config(const std::filesystem::path& config_json);
ModelConfig parse_hf_config(const Json& json, std::string_view origin);
// As transformers 5 writes it. `dtype` is that of the weights beside it: "float32", "bfloat16" or "float16".
Json to_hf_config(const ModelConfig& config, std::string_view dtype = "float32");

// Named presets ("tiny-10m", ...), from assets/presets/*.json (each a config.json) embedded by the build; Error (usage) lists the
// known names.
ModelConfig preset(const std::string& name);
std::vector<std::string> preset_names();

}  // namespace cairn::model
