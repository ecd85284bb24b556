// A model small enough for tests of training, and text-like tokens for it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "engine/model/config.h"

namespace cairn::train {

inline model::ModelConfig tiny_model(std::int64_t vocab = 40) {
  model::ModelConfig config;
  config.layers = 2;
  config.width = 16;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_width = 4;
  config.mlp_width = 24;
  config.vocab = vocab;
  config.max_positions = 64;
  return config;
}

// Documents <s> a b c ... </s> whose tokens follow one another with a rule, so that there is something to learn.
inline std::vector<std::int32_t> tiny_tokens(std::int64_t count, std::int64_t vocab = 40) {
  const Random random(11, "tokens of a test");
  std::vector<std::int32_t> tokens;
  for (std::uint64_t document = 0; static_cast<std::int64_t>(tokens.size()) < count; ++document) {
    tokens.push_back(1);
    std::int64_t token = static_cast<std::int64_t>(random.below(2 * document, static_cast<std::uint64_t>(vocab - 4)));
    const std::int64_t stride = 1 + static_cast<std::int64_t>(random.below(2 * document + 1, 3));
    for (std::uint64_t i = 0; i < 5 + document % 9; ++i, token = (token + stride) % (vocab - 4)) {
      tokens.push_back(static_cast<std::int32_t>(4 + token));
    }
    tokens.push_back(2);
  }
  tokens.resize(static_cast<std::size_t>(count));
  return tokens;
}

}  // namespace cairn::train
