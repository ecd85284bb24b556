// A model ready to answer: weights, tokenizer, one sequence. One call at a time.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "app/serve/openai.h"
#include "engine/infer/generate.h"
#include "engine/model/hf_folder.h"
#include "engine/text/chat.h"
#include "engine/text/tokenizer.h"
#include "kernels/compute_device.h"

namespace cairn::app {

class ServedModel {
 public:
  // `folder` is a Hugging Face folder as `export` writes it. `name` is the model id that clients use; `digest` identifies the
  // weights ("" = unknown). max_length 0 = all of the model's positions. `dtype` f32 or bf16: weights are read straight into it.
  // `device` as open_compute_device has it.
  ServedModel(const std::filesystem::path& folder, std::string name, std::string digest, std::int64_t max_length,
              ThreadPool& threads, Dtype dtype = Dtype::f32, const std::string& device = "cpu");

  const std::string& name() const { return name_; }
  const std::string& digest() const { return digest_; }
  const model::ModelConfig& config() const { return loaded_.config; }
  const text::Tokenizer& tokenizer() const { return tokenizer_; }
  std::int64_t max_length() const { return sequence_.max_length(); }
  bool can_chat() const { return can_chat_; }  // the tokenizer has the chat format's tokens

  // `date` fills the default system text.
  std::vector<std::int32_t> chat_prompt(const std::vector<text::ChatMessage>& messages, const std::string& date) const;
  std::vector<std::int32_t> completion_prompt(
      const CompletionRequest::Prompt& prompt) const;  // text gets BOS in front; ids are taken as they are
  // Ends at the model's end tokens and, for chats, at the end of the turn.
  infer::Generation generate(const std::vector<std::int32_t>& prompt, const infer::GenerationParams& params,
                             const std::function<bool(const infer::GeneratedToken&, const std::string&)>& on_token);
  PromptScores score_prompt(const std::vector<std::int32_t>& prompt, std::int64_t top);

 private:
  std::string name_, digest_;
  std::unique_ptr<ComputeDevice> device_;
  Context context_;
  model::LoadedModel loaded_;
  text::Tokenizer tokenizer_;
  infer::Sequence sequence_;
  bool can_chat_ = false;
  std::vector<std::int32_t> end_tokens_;
};

std::string today();  // "2026-11-24", UTC

}  // namespace cairn::app
