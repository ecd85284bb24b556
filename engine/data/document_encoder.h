// A document's text as the ids that a training reads: <s> text </s>, with markers as tokens and all else as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/schema.h"
#include "engine/text/tokenizer.h"

namespace cairn::data {

// Config fields "bos", "eos", "special" and "markers".
std::vector<Field> document_encoder_fields();

class DocumentEncoder {
 public:
  // `tokenizer` must outlive it. Error when it lacks the token that "bos" or "eos" names.
  DocumentEncoder(const text::Tokenizer& tokenizer, const Config& config);

  std::vector<text::TokenId> encode(std::string_view text) const;  // any thread

 private:
  const text::Tokenizer& tokenizer_;
  text::SpecialTokens special_;
  std::optional<text::TokenId> bos_, eos_;
  std::vector<std::pair<std::string, text::TokenId>> markers_;
};

}  // namespace cairn::data
