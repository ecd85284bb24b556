#include "app/serve/served_model.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"

namespace cairn::app {

namespace {

model::LoadedModel load_to(Memory* memory, const std::filesystem::path& folder, Dtype dtype) {
  model::LoadedModel loaded = model::load_hf_folder(folder, dtype);
  loaded.parameters = model::moved_to(memory, std::move(loaded.parameters));
  return loaded;
}

}  // namespace

ServedModel::ServedModel(const std::filesystem::path& folder, std::string name, std::string digest,
                         const infer::BatchLimits& limits, ThreadPool& threads, Dtype dtype, const std::string& device)
    : name_(std::move(name)),
      digest_(std::move(digest)),
      device_(open_compute_device(device)),
      context_(device_->context(threads)),
      loaded_(load_to(context_.memory(), folder, dtype)),
      tokenizer_(text::Tokenizer::load(folder)),
      batch_(context_, loaded_.parameters, limits),
      end_tokens_(loaded_.config.eos) {
  if (tokenizer_.vocab_size() > loaded_.config.vocab) {
    fail("{}: the tokenizer has {} tokens, the model knows {}: they do not belong together", folder.string(),
         tokenizer_.vocab_size(), loaded_.config.vocab);
  }
  const auto& tokens = text::chat_tokens();
  can_chat_ =
      std::all_of(tokens.begin(), tokens.end(), [&](const std::string& token) { return tokenizer_.id_of(token).has_value(); });
  if (can_chat_) end_tokens_.push_back(text::end_of_turn(tokenizer_));
}

std::vector<std::int32_t> ServedModel::chat_prompt(const std::vector<text::ChatMessage>& messages,
                                                   const std::string& date) const {
  if (!can_chat_) fail_usage("the model '{}' has no chat tokens: use completions", name_);
  text::ChatOptions options;
  options.date = date;
  return text::encode_chat(tokenizer_, messages, options).ids;
}

std::vector<std::int32_t> ServedModel::completion_prompt(const CompletionRequest::Prompt& prompt) const {
  if (!prompt.is_tokens) {
    std::vector<std::int32_t> ids = tokenizer_.encode(prompt.text);
    const std::int32_t bos = loaded_.config.bos;
    if (bos >= 0 && (ids.empty() || ids[0] != bos)) ids.insert(ids.begin(), bos);
    return ids;
  }
  for (const std::int32_t id : prompt.tokens) {
    if (id >= loaded_.config.vocab) fail_usage("prompt: token {} is outside the vocabulary of {}", id, loaded_.config.vocab);
  }
  return prompt.tokens;
}

infer::Generation ServedModel::generate(const std::vector<std::int32_t>& prompt, const infer::GenerationParams& params,
                                        const std::function<bool(const infer::GeneratedToken&, const std::string&)>& on_token) {
  return infer::generate(batch_, tokenizer_, end_tokens_, prompt, params, on_token);
}

std::string today() {
  return format_time(now_microseconds()).substr(0, 10);
}

}  // namespace cairn::app
