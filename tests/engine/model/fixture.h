// A small model and batches for it, shared by the tests of engine/model.
#pragma once

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/model/family.h"
#include "engine/model/forward.h"
#include "engine/model/parameters.h"

namespace cairn::test {

// Two layers, grouped-query attention, sizes that are no powers of two.
inline model::ModelConfig small_config() {
  model::ModelConfig config;
  config.layers = 2;
  config.width = 12;
  config.heads = 3;
  config.kv_heads = 1;
  config.head_width = 4;
  config.mlp_width = 20;
  config.vocab = 23;
  config.max_positions = 64;
  config.rope_scaling = {.variant = RopeVariant::llama3, .factor = 8, .original_positions = 64};
  config.rope_theta = 100;
  return config;
}

struct Variant {
  std::string name;
  model::ModelConfig config;
};

// The small model as each family has it, and with what no family has by default.
inline std::vector<Variant> variants() {
  std::vector<Variant> all{{"apertus", small_config()}};
  const auto add = [&](const char* name, model::Family family) -> model::ModelConfig& {
    all.push_back({name, small_config()});
    all.back().config.architecture = model::facts_of(family).architecture;
    return all.back().config;
  };
  all.push_back({"apertus relu2", small_config()});
  all.back().config.architecture.activation = model::Activation::relu2;
  model::ModelConfig& llama = add("llama", model::Family::llama);
  llama.architecture.qkv_bias = llama.architecture.output_bias = llama.architecture.mlp_bias = true;
  llama.rope_scaling = {.variant = RopeVariant::linear, .factor = 4};
  add("llama tied", model::Family::llama).architecture.tied_embeddings = true;
  add("mistral", model::Family::mistral).head_width = 6;
  model::ModelConfig& qwen2 = add("qwen2", model::Family::qwen2);
  qwen2.architecture.tied_embeddings = true;
  qwen2.rope_scaling = {.variant = RopeVariant::yarn, .factor = 4, .original_positions = 32, .magnitude = yarn_magnitude(4)};
  add("qwen3", model::Family::qwen3).head_width = 8;
  add("olmo2", model::Family::olmo2).architecture.output_bias = true;
  return all;
}

// Every parameter gets a value that matters: no norm weight stays 1, no bias 0, no alpha at its initial value.
inline void randomise(model::Parameters& parameters, std::uint64_t seed) {
  for (const model::NamedTensor& named : parameters.all()) {
    const Random random(seed, named.name);
    const bool alpha = named.name.find("alpha_") != std::string::npos;
    for (std::int64_t i = 0; i < named.tensor.size(); ++i) {
      const double n = random.normal(std::uint64_t(i));
      const bool norm = named.tensor.dims == 1 && !alpha && !named.name.ends_with(".bias");
      const double value = alpha ? 0.5 * n : norm ? 1 + 0.3 * n : 0.4 * n;
      if (named.tensor.dtype == Dtype::f64) {
        named.tensor.as<double>()[i] = value;
      } else {
        named.tensor.as<float>()[i] = float(value);
      }
    }
  }
}

// Owns the numbers of a Batch: one document a row, positions 0, 1, .., targets the next token, weights 1 / (predicted tokens).
struct OwnedBatch {
  std::int64_t B, T;
  std::vector<std::int32_t> tokens, positions, first_key, targets;
  std::vector<float> weights;

  OwnedBatch(std::int64_t b, std::int64_t t, std::vector<std::int32_t> ids) : B(b), T(t), tokens(std::move(ids)) {
    positions.resize(tokens.size());
    first_key.assign(tokens.size(), 0);
    targets.resize(tokens.size());
    weights.resize(tokens.size());
    for (std::int64_t row = 0; row < B; ++row) {
      for (std::int64_t i = 0; i < T; ++i) {
        const std::size_t at = std::size_t(row * T + i);
        positions[at] = std::int32_t(i);
        targets[at] = i + 1 < T ? tokens[at + 1] : 0;
        weights[at] = i + 1 < T ? 1.0f / float(B * (T - 1)) : 0.0f;
      }
    }
  }

  // A new document begins wherever a position is 0: no token attends before its document.
  void split_documents_at_zero_positions() {
    for (std::int64_t row = 0; row < B; ++row) {
      std::int32_t first = 0;
      for (std::int64_t i = 0; i < T; ++i) {
        const std::size_t at = std::size_t(row * T + i);
        if (positions[at] == 0) first = std::int32_t(i);
        first_key[at] = first;
      }
    }
  }

  model::Batch batch() {
    return {.tokens = Tensor(tokens.data(), Dtype::i32, {B, T}),
            .positions = Tensor(positions.data(), Dtype::i32, {B, T}),
            .first_key = Tensor(first_key.data(), Dtype::i32, {B, T}),
            .targets = Tensor(targets.data(), Dtype::i32, {B, T}),
            .weights = Tensor(weights.data(), Dtype::f32, {B, T})};
  }
};

inline std::vector<std::int32_t> random_ids(std::int64_t count, std::int64_t vocab, std::uint64_t seed) {
  const Random random(seed, "ids");
  std::vector<std::int32_t> ids(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = std::int32_t(random.below(i, std::uint64_t(vocab)));
  return ids;
}

}  // namespace cairn::test
