// BPE whose alphabet is characters, as SentencePiece's models have it (Llama 2, Mistral v1 to v3, Gemma) and fastBPE's with its
// "</w>" at the end of a word. A character without a token becomes its bytes, if there are tokens for them, or the unknown token.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/bpe.h"
#include "engine/text/vocabulary.h"

namespace cairn::text {

class CharacterBpe : public Model {
 public:
  struct Options {
    std::array<TokenId, 256> byte_ids{};  // -1 where a byte has no token
    bool byte_fallback = false;
    TokenId unknown = -1;                       // -1: what has no token is left out
    bool fuse_unknown = false;                  // one unknown for a run
    std::string continuing_prefix, end_suffix;  // of symbols that do not begin the word; of the one that ends it
  };

  // `hidden` by id: tokens that no character becomes.
  CharacterBpe(const Vocabulary& vocabulary, const std::vector<bool>& hidden, MergeTable merges, Options options);

  void encode_word(std::string_view word, std::vector<TokenId>& out) const override;

 private:
  TokenId symbol(std::string_view text) const;

  std::vector<std::string> written_;  // of the tokens that `index_` finds
  TokenIndex index_;
  std::vector<TokenId> ids_;  // by place in written_
  MergeTable merges_;
  Options options_;
};

}  // namespace cairn::text
