// Unigram (Kudo 2018): of all ways to cut a word into tokens the one whose scores (log probabilities) add up to the most, by
// Viterbi. A character that begins no token costs 10 more than the worst token; a run of such becomes bytes, if there are tokens
// for them, or one unknown token.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/model.h"
#include "engine/text/vocabulary.h"

namespace cairn::text {

class Unigram : public Model {
 public:
  struct Piece {
    TokenId id;
    double score;
    bool findable = true;  // false: text never becomes it, though its score counts when the worst is sought
  };
  struct Options {
    std::array<TokenId, 256> byte_ids{};
    bool byte_fallback = false;
    TokenId unknown = -1;               // -1: Error on text that needs it
    bool single_precision = false;      // keep the sums of scores in floats, as SentencePiece does
    std::optional<double> worst_score;  // by default the lowest of all pieces
    std::string origin;                 // for errors
  };

  Unigram(const Vocabulary& vocabulary, const std::vector<Piece>& pieces, Options options);

  void encode_word(std::string_view word, std::vector<TokenId>& out) const override;

 private:
  // A trie over bytes; the children of a node are a run of edges_, sorted by byte.
  struct Node {
    std::uint32_t first_edge = 0, edges = 0;
    TokenId id = -1;  // of the token that ends here
    double score = 0;
  };
  struct Edge {
    std::uint8_t byte;
    std::uint32_t node;
  };
  template <typename Score>
  void best_cut(std::string_view word, std::vector<TokenId>& out) const;
  void unknown_run(std::string_view text, std::vector<TokenId>& out) const;
  std::uint32_t child(std::uint32_t node, std::uint8_t byte) const;  // 0: none

  std::vector<Node> nodes_;  // [0] is the root
  std::vector<Edge> edges_;
  double unknown_score_ = 0;
  Options options_;
};

}  // namespace cairn::text
