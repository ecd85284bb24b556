// A model of ours as the harness's LanguageModel: how strings become tokens, windows and truncation are the harness's, bug for
// bug (spec/evaluation.md §2.4, 2.5, 2.7). Log-softmax in double over float32 logits. Continuations of one context are scored,
// and texts generated, several in one pass (engine/infer/sequence_batch.h): which text comes does not depend on its company.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/infer/sequence_batch.h"
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
  std::vector<std::string> generate(const std::vector<GenerationRequest>& requests,
                                    const std::function<void()>& after_each) override;

 private:
  std::vector<text::TokenId> encode(const std::string& text, bool may_add_bos) const;
  text::TokenId first_token() const;  // in front of a text: BOS, or the end token of a model without one
  // Tokens of which [scored, end) are scored, given what precedes them. tokens.size() > scored >= 1.
  struct Scored {
    std::vector<text::TokenId> tokens;
    std::size_t scored;
  };
  std::optional<Scored> scored_tokens(const std::string& context, const std::string& continuation) const;
  Loglikelihood score(const Scored& item);
  // Of items that begin alike: what they have in common is read once.
  std::vector<Loglikelihood> score_together(const std::vector<Scored>& items);
  struct Answer;
  Answer begin_answer(const GenerationRequest& request) const;
  void take(Answer& answer, text::TokenId token) const;

  const model::ModelConfig& config_;
  const text::Tokenizer& tokenizer_;
  ScorerOptions options_;
  std::int64_t max_length_;
  infer::SequenceBatch batch_;
};

}  // namespace cairn::eval
