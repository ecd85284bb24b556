#include "engine/infer/generate.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/error.h"
#include "engine/infer/scheduler.h"

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

Writing::Writing(const text::Tokenizer& tokenizer, std::span<const std::int32_t> end_tokens,
                 std::shared_ptr<const GenerationParams> params)
    : tokenizer_(tokenizer), end_tokens_(end_tokens), params_(std::move(params)), stream_(params_->stop) {
  check_sampling(params_->sampling);
}

bool Writing::take(const GeneratedToken& token) {
  shown_.reset();
  const bool may_stop = static_cast<std::int64_t>(result_.tokens.size()) >= params_->min_tokens;
  const bool is_end = contains(end_tokens_, token.token) && !params_->ignore_eos;
  if (may_stop && (is_end || contains(params_->stop_tokens, token.token))) {
    result_.finish = FinishReason::stop;
    return false;
  }
  const bool hidden = params_->skip_special_tokens && tokenizer_.is_special(token.token);
  shown_ = stream_.feed(hidden ? "" : tokenizer_.token_bytes(token.token));
  result_.tokens.push_back(token);
  if (stream_.stopped()) {
    result_.finish = FinishReason::stop;
    result_.stop = stream_.stop();
    return false;
  }
  return wants_more();
}

void Writing::end(FinishReason reason) {
  result_.finish = reason;
}

Generation Writing::finished() {
  stream_.finish();
  result_.text = stream_.text();
  return std::move(result_);
}

Generation generate(SequenceBatch& batch, const text::Tokenizer& tokenizer, std::span<const std::int32_t> end_tokens,
                    std::span<const std::int32_t> prompt, const GenerationParams& params,
                    const std::function<bool(const GeneratedToken&, const std::string&)>& on_token) {
  Generation result;
  std::exception_ptr failure;
  bool go_on = true;
  Scheduler scheduler(batch, tokenizer, end_tokens);
  scheduler.add({.prompt = std::make_shared<const std::vector<std::int32_t>>(prompt.begin(), prompt.end()),
                 .params = std::make_shared<const GenerationParams>(params),
                 .on_token = [&](const GeneratedToken& token, const std::string& shown) { go_on = on_token(token, shown); },
                 .cancelled = [&] { return !go_on; },
                 .on_done = [&](Generation done) { result = std::move(done); },
                 .on_failed = [&](const std::exception_ptr& error) { failure = error; }});
  while (scheduler.work()) {
  }
  if (failure) std::rethrow_exception(failure);
  return result;
}

}  // namespace cairn::infer
