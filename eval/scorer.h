// A model of ours as the harness's LanguageModel: how strings become tokens, windows and truncation are the harness's, bug for
// bug (spec/evaluation.md §2.4, 2.5, 2.7). Log-softmax in double over float32 logits.
#pragma once

#include <memory>

#include "engine/infer/sequence.h"
#include "engine/model/parameters.h"
#include "engine/text/tokenizer.h"
#include "eval/language_model.h"
#include "kernels/ops.h"

namespace cairn::eval {

struct ScorerOptions {
  std::int64_t max_length = 0;  // 0 = the model's
  bool add_bos = false;         // the tokenizer's BOS before each context, unless the text starts with it
};

class Scorer : public LanguageModel {
 public:
  // All arguments must outlive it.
  Scorer(Context& context, const model::Parameters& parameters, const text::Tokenizer& tokenizer, const ScorerOptions& options);

  std::vector<Loglikelihood> loglikelihoods(const std::string& context, const std::vector<std::string>& continuations) override;
  Loglikelihood rolling(const std::string& text) override;
  std::string generate(const GenerationRequest& request) override;

 private:
  std::vector<text::TokenId> encode(const std::string& text, bool may_add_bos) const;
  text::TokenId first_token() const;  // in front of a text: BOS, or the end token of a model without one
  // Score of tokens[scored..] given what precedes them; the sequence is cut back to `keep` tokens first.
  Loglikelihood score(std::int64_t keep, const std::vector<text::TokenId>& tokens, std::size_t scored);

  const model::ModelConfig& config_;
  const text::Tokenizer& tokenizer_;
  ScorerOptions options_;
  std::int64_t max_length_;
  infer::Sequence sequence_;
};

}  // namespace cairn::eval
