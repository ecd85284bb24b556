#include "engine/score/encoder.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/model/safetensors.h"

namespace cairn::score {

namespace fs = std::filesystem;

// ---- weights

class Encoder::Loader {
 public:
  Loader(const fs::path& folder)
      : config_path_(folder / "config.json"), config_(read_json(config_path_)), file_(folder / "model.safetensors") {
    for (const char* prefix : {"", "roberta.", "model."}) {
      if (file_.find(prefix + std::string("embeddings.word_embeddings.weight"))) prefix_ = prefix;
    }
  }

  std::int64_t integer(const char* key, std::int64_t low, std::int64_t high) const {
    const auto found = config_.find(key);
    if (found == config_.end() || !found->is_number_integer() || found->get<std::int64_t>() < low ||
        found->get<std::int64_t>() > high)
      fail("{}: {}: expected a whole number from {} to {}", config_path_.string(), key, low, high);
    return found->get<std::int64_t>();
  }
  std::string word(const char* key, const char* missing) const {
    const auto found = config_.find(key);
    if (found == config_.end() || found->is_null()) return missing;
    if (!found->is_string()) fail("{}: {}: expected a string", config_path_.string(), key);
    return found->get<std::string>();
  }
  double epsilon() const {
    const auto found = config_.find("layer_norm_eps");
    if (found == config_.end()) return 1e-5;
    if (!found->is_number() || found->get<double>() <= 0)
      fail("{}: layer_norm_eps: expected a number above 0", config_path_.string());
    return found->get<double>();
  }
  void require_kind() const {
    const std::string kind = word("model_type", "");
    if (kind != "xlm-roberta" && kind != "roberta")
      fail("{}: model_type '{}', expected 'xlm-roberta' or 'roberta'", config_path_.string(), kind);
    const std::string activation = word("hidden_act", "gelu");
    if (activation != "gelu") fail("{}: hidden_act '{}', expected 'gelu'", config_path_.string(), activation);
    const std::string positions = word("position_embedding_type", "absolute");
    if (positions != "absolute") fail("{}: position_embedding_type '{}', expected 'absolute'", config_path_.string(), positions);
  }

  std::vector<float> matrix(const std::string& name, std::int64_t rows, std::int64_t columns) const {
    return read(name, {rows, columns});
  }
  std::vector<float> vector(const std::string& name, std::int64_t size) const { return read(name, {size}); }
  Linear linear(const std::string& name, std::int64_t out, std::int64_t in) const {
    return {matrix(name + ".weight", out, in), vector(name + ".bias", out)};
  }
  Norm norm(const std::string& name, std::int64_t size) const {
    return {vector(name + ".weight", size), vector(name + ".bias", size)};
  }

 private:
  std::vector<float> read(const std::string& name, const std::vector<std::int64_t>& shape) const {
    const model::StoredTensor& tensor = file_.require(prefix_ + name);
    if (tensor.shape != shape)
      fail("{}: tensor '{}' is {}, expected [{}]", file_.path().string(), tensor.name, tensor.describe(), fmt::join(shape, ", "));
    std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
    file_.read(tensor, shape.size() == 2 ? Tensor(values.data(), Dtype::f32, {shape[0], shape[1]})
                                         : Tensor(values.data(), Dtype::f32, {shape[0]}));
    return values;
  }

  fs::path config_path_;
  Json config_;
  model::SafetensorsFile file_;
  std::string prefix_;
};

Encoder::Encoder(const fs::path& folder) : tokenizer_(text::Tokenizer::load(folder)) {
  const Loader loader(folder);
  loader.require_kind();
  width_ = loader.integer("hidden_size", 1, 1 << 16);
  heads_ = loader.integer("num_attention_heads", 1, 1024);
  mlp_width_ = loader.integer("intermediate_size", 1, 1 << 20);
  vocabulary_ = loader.integer("vocab_size", 1, 1 << 24);
  first_position_ = loader.integer("pad_token_id", 0, 1 << 20) + 1;
  begin_ = static_cast<text::TokenId>(loader.integer("bos_token_id", 0, vocabulary_ - 1));
  end_ = static_cast<text::TokenId>(loader.integer("eos_token_id", 0, vocabulary_ - 1));
  const std::int64_t positions = loader.integer("max_position_embeddings", first_position_ + 3, 1 << 20);
  window_ = std::min<std::int64_t>(positions - first_position_, 512);
  epsilon_ = loader.epsilon();
  if (width_ % heads_ != 0) fail("{}: {} heads do not divide a width of {}", (folder / "config.json").string(), heads_, width_);
  if (tokenizer_.vocab_size() > vocabulary_)
    fail("{}: the tokenizer has {} tokens, the model {}", folder.string(), tokenizer_.vocab_size(), vocabulary_);
  words_ = loader.matrix("embeddings.word_embeddings.weight", vocabulary_, width_);
  positions_ = loader.matrix("embeddings.position_embeddings.weight", positions, width_);
  types_ = loader.matrix("embeddings.token_type_embeddings.weight", loader.integer("type_vocab_size", 1, 1024), width_);
  embedding_norm_ = loader.norm("embeddings.LayerNorm", width_);
  for (std::int64_t l = 0; l < loader.integer("num_hidden_layers", 0, 1024); ++l) {
    const std::string at = fmt::format("encoder.layer.{}.", l);
    layers_.push_back(
        {loader.linear(at + "attention.self.query", width_, width_), loader.linear(at + "attention.self.key", width_, width_),
         loader.linear(at + "attention.self.value", width_, width_), loader.linear(at + "attention.output.dense", width_, width_),
         loader.linear(at + "intermediate.dense", mlp_width_, width_), loader.linear(at + "output.dense", width_, mlp_width_),
         loader.norm(at + "attention.output.LayerNorm", width_), loader.norm(at + "output.LayerNorm", width_)});
  }
}

std::vector<std::vector<text::TokenId>> Encoder::windows(std::string_view text, std::int64_t most) const {
  const std::vector<text::TokenId> tokens = tokenizer_.encode(text, text::SpecialTokens::as_text);
  const auto inside = static_cast<std::size_t>(window_ - 2);
  std::vector<std::vector<text::TokenId>> windows;
  for (std::size_t at = 0; at == 0 || at < tokens.size(); at += inside) {
    if (most > 0 && static_cast<std::int64_t>(windows.size()) == most) break;
    std::vector<text::TokenId>& window = windows.emplace_back();
    window.push_back(begin_);
    window.insert(window.end(), tokens.begin() + static_cast<long>(at),
                  tokens.begin() + static_cast<long>(std::min(at + inside, tokens.size())));
    window.push_back(end_);
  }
  return windows;
}

// ---- one window through the model

class Encoder::Pass {
 public:
  Pass(Context& context, const Encoder& encoder, std::int64_t tokens) : context_(context), e_(encoder), T_(tokens) {}

  std::vector<float> run(std::span<const text::TokenId> tokens) {
    const std::size_t D = static_cast<std::size_t>(e_.width_);
    std::vector<float> x(static_cast<std::size_t>(T_) * D);  // [T, D]
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      if (tokens[t] < 0 || tokens[t] >= e_.vocabulary_) fail("token {} is outside the encoder's vocabulary", tokens[t]);
      const float* word = e_.words_.data() + static_cast<std::size_t>(tokens[t]) * D;
      const float* position = e_.positions_.data() + (static_cast<std::size_t>(e_.first_position_) + t) * D;
      for (std::size_t d = 0; d < D; ++d) x[t * D + d] = word[d] + e_.types_[d] + position[d];
    }
    normalise(x, e_.embedding_norm_);
    for (const Layer& layer : e_.layers_) {
      add_normalised(x, linear(attention(x, layer), layer.attention_output, e_.width_, e_.width_), layer.attention_norm);
      std::vector<float> up = linear(x, layer.up, e_.width_, e_.mlp_width_);  // [T, F]
      for (float& value : up)
        value = static_cast<float>(0.5 * value * (1 + std::erf(static_cast<double>(value) * 0.70710678118654752440)));
      add_normalised(x, linear(up, layer.down, e_.mlp_width_, e_.width_), layer.output_norm);
    }
    std::vector<float> mean(D);
    for (std::size_t d = 0; d < D; ++d) {
      double sum = 0;
      for (std::size_t t = 0; t < tokens.size(); ++t) sum += x[t * D + d];
      mean[d] = static_cast<float>(sum / static_cast<double>(T_));
    }
    return mean;
  }

 private:
  // y [T, out] = x [T, in] W^T + b
  std::vector<float> linear(std::vector<float>& x, const Linear& layer, std::int64_t in, std::int64_t out) {
    std::vector<float> y(static_cast<std::size_t>(T_ * out));
    ops::matmul(context_, view(y, T_, out), view(x, T_, in), Transpose::no, view(layer.weight, out, in), Transpose::yes);
    for (std::size_t t = 0; t < static_cast<std::size_t>(T_); ++t) {
      for (std::size_t o = 0; o < static_cast<std::size_t>(out); ++o) y[t * static_cast<std::size_t>(out) + o] += layer.bias[o];
    }
    return y;
  }
  std::vector<float> linear(std::vector<float>&& x, const Linear& layer, std::int64_t in, std::int64_t out) {
    return linear(x, layer, in, out);
  }

  std::vector<float> attention(std::vector<float>& x, const Layer& layer) {
    std::vector<float> q = linear(x, layer.query, e_.width_, e_.width_), k = linear(x, layer.key, e_.width_, e_.width_),
                       v = linear(x, layer.value, e_.width_, e_.width_), o(x.size());
    const std::int64_t E = e_.width_ / e_.heads_;
    const double scale = 1 / std::sqrt(static_cast<double>(E));
    std::vector<float> scores(static_cast<std::size_t>(T_ * T_));
    for (std::int64_t h = 0; h < e_.heads_; ++h) {
      ops::matmul(context_, view(scores, T_, T_), head(q, h), Transpose::no, head(k, h), Transpose::yes);
      for (std::size_t t = 0; t < static_cast<std::size_t>(T_); ++t)
        softmax({scores.data() + t * static_cast<std::size_t>(T_), static_cast<std::size_t>(T_)}, scale);
      ops::matmul(context_, head(o, h), view(scores, T_, T_), Transpose::no, head(v, h), Transpose::no);
    }
    return o;
  }

  static void softmax(std::span<float> row, double scale) {
    float highest = row[0];
    for (const float value : row) highest = std::max(highest, value);
    double sum = 0;
    for (float& value : row) {
      value = static_cast<float>(std::exp(scale * (static_cast<double>(value) - static_cast<double>(highest))));
      sum += value;
    }
    for (float& value : row) value = static_cast<float>(value / sum);
  }

  // x = norm(x + y)
  void add_normalised(std::vector<float>& x, const std::vector<float>& y, const Norm& norm) const {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
    normalise(x, norm);
  }
  void normalise(std::vector<float>& x, const Norm& norm) const {
    const std::size_t D = static_cast<std::size_t>(e_.width_);
    for (std::size_t t = 0; t < static_cast<std::size_t>(T_); ++t) {
      float* row = x.data() + t * D;
      double mean = 0, square = 0;
      for (std::size_t d = 0; d < D; ++d) mean += row[d];
      mean /= static_cast<double>(D);
      for (std::size_t d = 0; d < D; ++d) square += (row[d] - mean) * (row[d] - mean);
      const double inverse = 1 / std::sqrt(square / static_cast<double>(D) + e_.epsilon_);
      for (std::size_t d = 0; d < D; ++d) row[d] = static_cast<float>((row[d] - mean) * inverse * norm.weight[d] + norm.bias[d]);
    }
  }

  static Tensor view(const std::vector<float>& values, std::int64_t rows, std::int64_t columns) {
    return Tensor(const_cast<float*>(values.data()), Dtype::f32, {rows, columns});
  }
  // Columns of one head, [T, E] within [T, D].
  Tensor head(std::vector<float>& values, std::int64_t h) const {
    const std::int64_t E = e_.width_ / e_.heads_;
    Tensor part(values.data() + h * E, Dtype::f32, {T_, E});
    part.strides[0] = e_.width_;
    return part;
  }

  Context& context_;
  const Encoder& e_;
  std::int64_t T_;
};

std::vector<float> Encoder::embed(Context& context, std::span<const text::TokenId> tokens) const {
  const auto size = static_cast<std::int64_t>(tokens.size());
  if (size < 1 || size > window_) fail("a window of {} tokens, expected 1 to {}", size, window_);
  return Pass(context, *this, size).run(tokens);
}

}  // namespace cairn::score
