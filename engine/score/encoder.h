// XLM-RoBERTa and RoBERTa (Conneau et al. 2020, Liu et al. 2019) as a Hugging Face folder has them: a text to one vector for each
// window of it, the mean of its last hidden states (spec/apertus.md's embeddings: spec/data.md §1.4).
//
//   x = norm(words[token] + positions[pad + 1 + i] + types[0])
//   for each layer:  x = norm(x + dense(attention(x)));  x = norm(x + dense(gelu(dense(x))))
// in float32, each token attending to all others. Tensors under the names of XLMRobertaModel, with or without "roberta." before.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/tokenizer.h"
#include "kernels/ops.h"

namespace cairn::score {

class Encoder {
 public:
  // A folder with config.json, model.safetensors and tokenizer.json. Error naming what is missing or of another shape.
  explicit Encoder(const std::filesystem::path& folder);

  std::int64_t width() const { return width_; }
  std::int64_t window() const { return window_; }  // tokens, the two around the text included

  // Tokens of the text in windows of at most window(): <s> ... </s> each, one behind the other without overlap; one for an empty
  // text. `most` > 0: no more than that.
  std::vector<std::vector<text::TokenId>> windows(std::string_view text, std::int64_t most = 0) const;
  // Mean over the window's tokens of the last hidden states, [width()]. One caller at a time per Context.
  std::vector<float> embed(Context& context, std::span<const text::TokenId> tokens) const;

 private:
  struct Linear {
    std::vector<float> weight, bias;  // [out, in], [out]
  };
  struct Norm {
    std::vector<float> weight, bias;
  };
  struct Layer {
    Linear query, key, value, attention_output, up, down;
    Norm attention_norm, output_norm;
  };
  class Loader;
  class Pass;

  std::int64_t width_ = 0, heads_ = 0, mlp_width_ = 0, window_ = 0, vocabulary_ = 0, first_position_ = 0;
  double epsilon_ = 1e-5;
  text::TokenId begin_ = 0, end_ = 2;
  std::vector<float> words_, positions_, types_;
  Norm embedding_norm_;
  std::vector<Layer> layers_;
  text::Tokenizer tokenizer_;
};

}  // namespace cairn::score
