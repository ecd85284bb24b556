// What an evaluation asks of a language model, in lm-evaluation-harness's terms (spec/evaluation.md §2).
//
// eval/scorer.h answers with a model of ours; tests answer by rule.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cairn::eval {

struct Loglikelihood {
  double sum = 0;       // natural log, summed over the continuation's tokens
  bool greedy = false;  // every continuation token was the most likely one
  int tokens = 0;
};

struct GenerationRequest {
  std::string context;
  std::vector<std::string> until;  // text is cut before the first occurrence of each, in order
  int max_tokens = 256;
};

class LanguageModel {
 public:
  virtual ~LanguageModel() = default;
  // One result per continuation of a common context; the context is read once.
  virtual std::vector<Loglikelihood> loglikelihoods(const std::string& context,
                                                    const std::vector<std::string>& continuations) = 0;
  // The whole text, predicted from the prefix token on, in windows of the model's length.
  virtual Loglikelihood rolling(const std::string& text) = 0;
  // Greedy, one text a request. `after_each` is called when a text is done, and may throw.
  virtual std::vector<std::string> generate(const std::vector<GenerationRequest>& requests,
                                            const std::function<void()>& after_each) = 0;
};

}  // namespace cairn::eval
