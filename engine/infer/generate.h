// Generation: a prompt, sampling, and the rules for stopping.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/infer/sampling.h"
#include "engine/infer/sequence_batch.h"
#include "engine/infer/text_stream.h"
#include "engine/text/tokenizer.h"

namespace cairn::infer {

enum class FinishReason { stop, length, cancelled };
const char* finish_reason_name(FinishReason reason);  // "stop", "length", "cancelled"

struct GenerationParams {
  SamplingParams sampling;
  std::int64_t max_tokens = 256;          // >= 0
  std::int64_t min_tokens = 0;            // stop tokens do not count before
  std::vector<std::string> stop;          // stop strings; the text ends before them
  std::vector<std::int32_t> stop_tokens;  // beside the model's own end tokens
  bool ignore_eos = false;
  std::int64_t top_logprobs = -1;   // -1 = none recorded; n: the n most likely of each position
  bool skip_special_tokens = true;  // in the text
};

struct GeneratedToken {
  std::int32_t token = 0;
  double logprob = 0;
  std::vector<TokenScore> top;
};

struct Generation {
  std::vector<GeneratedToken> tokens;  // without the end token
  std::string text;
  FinishReason finish = FinishReason::length;
  std::string stop;  // the stop string that ended it, if one did
};

// One answer while it is being written: what becomes of each token.
class Writing {
 public:
  // Error (usage) for parameters out of range. `tokenizer`, `end_tokens` must outlive it.
  Writing(const text::Tokenizer& tokenizer, std::span<const std::int32_t> end_tokens,
          std::shared_ptr<const GenerationParams> params);

  // Takes the next token. False when the answer ends: before it (an end token) or with it.
  bool take(const GeneratedToken& token);
  void end(FinishReason reason);  // from outside: no more room, or nobody listens any more

  bool wants_more() const { return static_cast<std::int64_t>(result_.tokens.size()) < params_->max_tokens; }
  // Of the last token that was taken: the text that may be shown by then (perhaps ""), or none when the answer ended before it.
  const std::optional<std::string>& shown() const { return shown_; }
  const GenerationParams& params() const { return *params_; }
  const Generation& result() const { return result_; }
  Generation finished();  // with the text that was held back

 private:
  const text::Tokenizer& tokenizer_;
  std::span<const std::int32_t> end_tokens_;
  std::shared_ptr<const GenerationParams> params_;
  TextStream stream_;
  Generation result_;
  std::optional<std::string> shown_;
};

// Reads `prompt` (not empty) into a sequence of `batch` and generates. `on_token` sees each token with the text that may be
// shown by now (perhaps ""); false cancels. What is still held back at the end is in the result's text only: a caller that
// streams shows text.substr(shown so far). The end of the sequence's room ends with `length`. Error (usage): an empty prompt, one
// that is too long, or parameters out of range.
Generation generate(SequenceBatch& batch, const text::Tokenizer& tokenizer, std::span<const std::int32_t> end_tokens,
                    std::span<const std::int32_t> prompt, const GenerationParams& params,
                    const std::function<bool(const GeneratedToken&, const std::string&)>& on_token);

}  // namespace cairn::infer
