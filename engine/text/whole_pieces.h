// SentencePiece's word and character models: each word, or each character, is a piece or unknown; nothing is cut or merged.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "engine/text/model.h"
#include "engine/text/vocabulary.h"

namespace cairn::text {

class WholePieces : public Model {
 public:
  struct Options {
    bool words = false;  // a piece is a word with the space before it (each "\u2581" begins one); else a character
    std::array<TokenId, 256> byte_ids{};
    bool byte_fallback = false;  // an unknown becomes its bytes
    TokenId unknown = 0;         // one for a run of unknowns
  };

  // Text never becomes what is `hidden`.
  WholePieces(const Vocabulary& vocabulary, const std::vector<bool>& hidden, Options options);

  void encode_word(std::string_view word, std::vector<TokenId>& out) const override;

 private:
  std::vector<std::string> written_;
  std::vector<TokenId> ids_;  // of written_
  TokenIndex index_;
  Options options_;
};

}  // namespace cairn::text
