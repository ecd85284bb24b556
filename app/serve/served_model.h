// A model ready to answer: weights, tokenizer, room for sequences. One call at a time.
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
  // weights ("" = unknown). `limits`: of sequences and their room (engine/infer/sequence_batch.h). `dtype` f32 or bf16: weights
  // are read straight into it. `device` as open_compute_device has it.
  ServedModel(const std::filesystem::path& folder, std::string name, std::string digest, const infer::BatchLimits& limits,
              ThreadPool& threads, Dtype dtype = Dtype::f32, const std::string& device = "cpu");

  const std::string& name() const { return name_; }
  const std::string& digest() const { return digest_; }
  const model::ModelConfig& config() const { return loaded_.config; }
  Dtype dtype() const { return loaded_.parameters.dtype(); }  // of the weights
  const text::Tokenizer& tokenizer() const { return tokenizer_; }
  std::int64_t max_length() const { return batch_.limits().max_length; }
  infer::SequenceBatch& batch() { return batch_; }
  // At which answers end: the model's end tokens and, for chats, the end of the turn.
  std::span<const std::int32_t> end_tokens() const { return end_tokens_; }
  bool can_chat() const { return can_chat_; }  // the tokenizer has the chat format's tokens

  // `date` fills the default system text.
  std::vector<std::int32_t> chat_prompt(const std::vector<text::ChatMessage>& messages, const std::string& date) const;
  std::vector<std::int32_t> completion_prompt(
      const CompletionRequest::Prompt& prompt) const;  // text gets BOS in front; ids are taken as they are
  infer::Generation generate(const std::vector<std::int32_t>& prompt, const infer::GenerationParams& params,
                             const std::function<bool(const infer::GeneratedToken&, const std::string&)>& on_token);

 private:
  std::string name_, digest_;
  std::unique_ptr<ComputeDevice> device_;
  Context context_;
  model::LoadedModel loaded_;
  text::Tokenizer tokenizer_;
  infer::SequenceBatch batch_;
  bool can_chat_ = false;
  std::vector<std::int32_t> end_tokens_;
};

std::string today();  // "2026-11-24", UTC

}  // namespace cairn::app
