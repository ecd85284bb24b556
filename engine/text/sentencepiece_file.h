// SentencePiece's .model files: a protocol buffer with pieces, scores and the rules of normalization (spec/apertus.md §6).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"

namespace cairn::text {

struct SentencePieceFile {
  enum class Algorithm { unigram = 1, bpe = 2, words = 3, characters = 4 };
  enum class Type { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
  struct Piece {
    std::string text;
    float score = 0;
    Type type = Type::normal;
  };

  Algorithm algorithm = Algorithm::unigram;
  std::vector<Piece> pieces;  // by id
  int unknown = 0;            // id
  bool byte_fallback = false;
  std::string charsmap;  // empty: text stays as it is
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;
};

// Error beginning with `origin`, with the byte or the piece where it is wrong. A visible space at the end of words is refused.
SentencePieceFile read_sentencepiece(std::string_view bytes, const std::string& origin);

// As tokenizer.json. The `tokenizers` library then gives SentencePiece's ids, but for: user-defined symbols of BPE (a space is
// put in front of what follows), a character map on clusters of several characters, ties between sums of scores, and runs of
// unknown words, which are one unknown token each there and one for the run here.
Json tokenizer_json_of(const SentencePieceFile& file);

}  // namespace cairn::text
