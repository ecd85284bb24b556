// The `model` of a tokenizer: ids of one word, as the pre-tokenizer cut it. Kinds: byte-level BPE (bpe.h), BPE over characters
// (character_bpe.h), Unigram (unigram.h), WordPiece and WordLevel (word_piece.h).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace cairn::text {

using TokenId = std::int32_t;

class Model {
 public:
  virtual ~Model() = default;
  // Appends the ids of `word`, which is not empty; valid UTF-8 unless the model is byte-level. Any thread.
  virtual void encode_word(std::string_view word, std::vector<TokenId>& out) const = 0;
};

}  // namespace cairn::text
