#include "engine/model/family.h"

#include <array>

namespace cairn::model {
namespace {

using enum Family;

constexpr Architecture llama_like(Family family, QkNorm qk_norm = QkNorm::none, NormPlacement norm = NormPlacement::input) {
  return {.family = family, .norm = norm, .qk_norm = qk_norm, .activation = Activation::swiglu};
}

constexpr Architecture with_qkv_bias(Architecture architecture) {
  architecture.qkv_bias = true;
  return architecture;
}

// In the order of the enumeration. Names and defaults: transformers 5.23.0.
constexpr std::array<FamilyFacts, 6> kFamilies{{
    {.name = "apertus",
     .class_name = "ApertusForCausalLM",
     .architecture = Architecture{},
     .attention_norm = "attention_layernorm",
     .mlp_norm = "feedforward_layernorm",
     .attention_bias_key = true,
     .mlp_bias_key = false,
     .head_dim_key = false,
     .norm_eps = 1e-5,
     .rope_theta = 12e6,
     .max_positions = 65536,
     .kv_heads = 0,
     .head_dim = 0,
     .sliding_window = 0},
    {.name = "llama",
     .class_name = "LlamaForCausalLM",
     .architecture = llama_like(llama),
     .attention_norm = "input_layernorm",
     .mlp_norm = "post_attention_layernorm",
     .attention_bias_key = true,
     .mlp_bias_key = true,
     .head_dim_key = true,
     .norm_eps = 1e-6,
     .rope_theta = 1e4,
     .max_positions = 2048,
     .kv_heads = 0,
     .head_dim = 0,
     .sliding_window = 0},
    {.name = "mistral",
     .class_name = "MistralForCausalLM",
     .architecture = llama_like(mistral),
     .attention_norm = "input_layernorm",
     .mlp_norm = "post_attention_layernorm",
     .attention_bias_key = false,
     .mlp_bias_key = false,
     .head_dim_key = true,
     .norm_eps = 1e-6,
     .rope_theta = 1e4,
     .max_positions = 131072,
     .kv_heads = 8,
     .head_dim = 0,
     .sliding_window = 4096},
    {.name = "qwen2",
     .class_name = "Qwen2ForCausalLM",
     .architecture = with_qkv_bias(llama_like(qwen2)),
     .attention_norm = "input_layernorm",
     .mlp_norm = "post_attention_layernorm",
     .attention_bias_key = false,
     .mlp_bias_key = false,
     .head_dim_key = false,
     .norm_eps = 1e-6,
     .rope_theta = 1e4,
     .max_positions = 32768,
     .kv_heads = 32,
     .head_dim = 0,
     .sliding_window = 0},
    {.name = "qwen3",
     .class_name = "Qwen3ForCausalLM",
     .architecture = llama_like(qwen3, QkNorm::head),
     .attention_norm = "input_layernorm",
     .mlp_norm = "post_attention_layernorm",
     .attention_bias_key = true,
     .mlp_bias_key = false,
     .head_dim_key = true,
     .norm_eps = 1e-6,
     .rope_theta = 1e4,
     .max_positions = 32768,
     .kv_heads = 32,
     .head_dim = 128,
     .sliding_window = 0},
    {.name = "olmo2",
     .class_name = "Olmo2ForCausalLM",
     .architecture = llama_like(olmo2, QkNorm::projection, NormPlacement::output),
     .attention_norm = "post_attention_layernorm",
     .mlp_norm = "post_feedforward_layernorm",
     .attention_bias_key = true,
     .mlp_bias_key = false,
     .head_dim_key = false,
     .norm_eps = 1e-5,
     .rope_theta = 1e4,
     .max_positions = 2048,
     .kv_heads = 0,
     .head_dim = 0,
     .sliding_window = 0},
}};

}  // namespace

const FamilyFacts& facts_of(Family family) {
  return kFamilies[std::size_t(family)];
}

const FamilyFacts* find_family(std::string_view name) {
  for (const FamilyFacts& facts : kFamilies) {
    if (name == facts.name) return &facts;
  }
  return nullptr;
}

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const FamilyFacts& facts : kFamilies) names.emplace_back(facts.name);
  return names;
}

}  // namespace cairn::model
