// Counts the tokens of texts where a step was given a tokenizer, and none where it was not.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/steps/step_context.h"
#include "engine/text/tokenizer.h"

namespace cairn::data {

// Any thread may use one.
class TokenCounter {
 public:
  // By the input "tokenizer", which may be missing.
  explicit TokenCounter(const steps::StepContext& ctx) {
    if (ctx.has_input("tokenizer"))
      tokenizer_ = std::make_unique<text::Tokenizer>(text::Tokenizer::load(ctx.input("tokenizer").path));
  }
  bool counts() const { return tokenizer_ != nullptr; }
  // Without BOS and EOS; 0 when there is no tokenizer.
  std::uint64_t count(std::string_view text) const { return tokenizer_ ? tokenizer_->encode(text).size() : 0; }

 private:
  std::unique_ptr<text::Tokenizer> tokenizer_;
};

}  // namespace cairn::data
