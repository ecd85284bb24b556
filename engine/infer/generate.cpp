#include "engine/infer/generate.h"

#include <algorithm>

#include "base/error.h"
#include "engine/infer/text_stream.h"

namespace cairn::infer {
namespace {

bool contains(std::span<const std::int32_t> list, std::int32_t token) {
  return std::find(list.begin(), list.end(), token) != list.end();
}

}  // namespace

const char* finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::cancelled:
      return "cancelled";
  }
  return "";
}

Generation generate(Sequence& sequence, const text::Tokenizer& tokenizer, std::span<const std::int32_t> end_tokens,
                    std::span<const std::int32_t> prompt, const GenerationParams& params,
                    const std::function<bool(const GeneratedToken&, const std::string&)>& on_token) {
  if (prompt.empty()) fail_usage("an empty prompt: nothing to go on from");
  if (static_cast<std::int64_t>(prompt.size()) > sequence.max_length()) {
    fail_usage("the prompt has {} tokens, the model reads at most {}", prompt.size(), sequence.max_length());
  }
  Generation result;
  Sampler sampler(params.sampling, prompt, sequence.vocab());
  TextStream stream(params.stop);
  sequence.truncate(0);
  std::vector<std::int32_t> next(prompt.begin(), prompt.end());
  while (static_cast<std::int64_t>(result.tokens.size()) < params.max_tokens) {
    if (sequence.length() + static_cast<std::int64_t>(next.size()) > sequence.max_length()) break;
    GeneratedToken token;
    sequence.extend(next, static_cast<std::int64_t>(next.size()) - 1, [&](std::int64_t, std::span<const float> logits) {
      const TokenScore chosen = sampler.next(logits);
      token.token = chosen.token;
      token.logprob = chosen.logprob;
      if (params.top_logprobs >= 0) token.top = top_logprobs(logits, params.top_logprobs);
    });
    const bool may_stop = static_cast<std::int64_t>(result.tokens.size()) >= params.min_tokens;
    const bool is_end = contains(end_tokens, token.token) && !params.ignore_eos;
    if (may_stop && (is_end || contains(params.stop_tokens, token.token))) {
      result.finish = FinishReason::stop;
      break;
    }
    const bool hidden = params.skip_special_tokens && tokenizer.is_special(token.token);
    const std::string shown = stream.feed(hidden ? "" : tokenizer.token_bytes(token.token));
    result.tokens.push_back(token);
    const bool go_on = on_token(token, shown);
    if (stream.stopped()) {
      result.finish = FinishReason::stop;
      result.stop = stream.stop();
      break;
    }
    if (!go_on) {
      result.finish = FinishReason::cancelled;
      break;
    }
    next.assign(1, token.token);
  }
  stream.finish();
  result.text = stream.text();
  return result;
}

}  // namespace cairn::infer
