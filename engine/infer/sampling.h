// From logits to a token: penalties and bias, temperature, top-k, top-p, min-p, then one draw.
//
// The draw of token number i of a request is a function of (seed, i): the same request with the same seed gives the same tokens.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace cairn::infer {

struct SamplingParams {
  double temperature = 1.0;        // 0 = greedy; else > 0
  double top_p = 1.0;              // (0, 1]: the smallest set of most likely tokens whose probability reaches it
  std::int64_t top_k = 0;          // 0 = all
  double min_p = 0.0;              // [0, 1): tokens less likely than min_p times the most likely one are left out
  double presence_penalty = 0.0;   // [-2, 2], on tokens generated so far (OpenAI's definition)
  double frequency_penalty = 0.0;  // [-2, 2], times their count
  double repetition_penalty =
      1.0;  // > 0: divides positive and multiplies negative logits of tokens of prompt and answer (Keskar et al. 2019)
  std::map<std::int32_t, double> logit_bias = {};
  std::uint64_t seed = 0;
};

// Throws Error (usage) naming the parameter that is out of range.
void check_sampling(const SamplingParams& params);

struct TokenScore {
  std::int32_t token = 0;
  double logprob = 0;  // of the unmodified distribution: log-softmax in double over the raw logits
};

class Sampler {
 public:
  // `prompt` counts for the repetition penalty.
  Sampler(SamplingParams params, std::span<const std::int32_t> prompt, std::int64_t vocab);

  // The next token; `logits` are as the model gave them. Ties go to the lowest id.
  TokenScore next(std::span<const float> logits);
  const SamplingParams& params() const { return params_; }

 private:
  SamplingParams params_;
  std::vector<std::int32_t> counts_;  // of generated tokens
  std::vector<bool> seen_;            // in prompt or answer
  std::uint64_t drawn_ = 0;
  std::vector<double> scores_;
  std::vector<std::int32_t> order_;
};

// log-softmax of one entry, and the `count` most likely entries, most likely first.
double logprob_of(std::span<const float> logits, std::int32_t token);
std::vector<TokenScore> top_logprobs(std::span<const float> logits, std::int64_t count);

}  // namespace cairn::infer
