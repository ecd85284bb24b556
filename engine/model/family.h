// The families by name: what config.json and the weight files of each call things, and what transformers assumes where
// config.json is silent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/architecture.h"

namespace cairn::model {

struct FamilyFacts {
  const char* name;        // model_type in config.json
  const char* class_name;  // in "architectures"
  Architecture architecture;
  const char* attention_norm;  // of a layer: names of the norms of the two sublayers, on their input or output
  const char* mlp_norm;

  // What config.json may say.
  bool attention_bias_key;  // "attention_bias", of the projections to q, k, v and behind attention
  bool mlp_bias_key;        // "mlp_bias"
  bool head_dim_key;        // transformers writes head_dim always

  // Values of keys that are left out.
  double norm_eps;
  double rope_theta;
  std::int64_t max_positions;
  std::int64_t kv_heads;        // 0 = as many as heads
  std::int64_t head_dim;        // 0 = width / heads
  std::int64_t sliding_window;  // of Mistral; 0 = none
};

const FamilyFacts& facts_of(Family family);
const FamilyFacts* find_family(std::string_view name);  // by model_type; null when unknown
std::vector<std::string> family_names();

}  // namespace cairn::model
