// WordPiece (Schuster & Nakajima 2012, as BERT uses it): from the left, each time the longest token that fits; a word that does
// not come out whole is one unknown token. WordLevel: a word is a token or unknown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/text/model.h"
#include "engine/text/vocabulary.h"

namespace cairn::text {

class WordPiece : public Model {
 public:
  struct Options {
    TokenId unknown = -1;
    std::string prefix = "##";          // of tokens that do not begin the word
    std::size_t most_characters = 100;  // a longer word is unknown
  };
  // `findable` by id: whether text may become the token.
  WordPiece(const Vocabulary& vocabulary, const std::vector<bool>& findable, Options options);
  void encode_word(std::string_view word, std::vector<TokenId>& out) const override;

 private:
  std::vector<std::string> written_;
  std::vector<bool> findable_;
  TokenIndex index_;
  std::size_t longest_ = 0;  // bytes of the longest token
  Options options_;
};

class WordLevel : public Model {
 public:
  // `unknown` -1: Error on a word that is no token, naming `origin`.
  WordLevel(const Vocabulary& vocabulary, const std::vector<bool>& findable, TokenId unknown, std::string origin);
  void encode_word(std::string_view word, std::vector<TokenId>& out) const override;

 private:
  std::vector<std::string> written_;
  std::vector<bool> findable_;
  TokenIndex index_;
  TokenId unknown_;
  std::string origin_;
};

}  // namespace cairn::text
