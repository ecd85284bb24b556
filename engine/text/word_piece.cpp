#include "engine/text/word_piece.h"

#include <algorithm>

#include "base/error.h"
#include "engine/text/characters.h"

namespace cairn::text {
namespace {

void copy_tokens(const Vocabulary& vocabulary, std::vector<std::string>& written, TokenIndex& index) {
  for (std::size_t id = 0; id < vocabulary.size(); ++id) written.push_back(vocabulary.written(static_cast<TokenId>(id)));
  index = TokenIndex(written.size());
  for (std::size_t id = 0; id < written.size(); ++id) index.add(written, static_cast<TokenId>(id));
}

}  // namespace

WordPiece::WordPiece(const Vocabulary& vocabulary, const std::vector<bool>& findable, Options options)
    : findable_(findable), options_(std::move(options)) {
  copy_tokens(vocabulary, written_, index_);
  for (const std::string& token : written_) longest_ = std::max(longest_, token.size());
}

void WordPiece::encode_word(std::string_view word, std::vector<TokenId>& out) const {
  std::size_t characters = 0;
  for_each_character(word, [&](char32_t, std::size_t, std::size_t) { ++characters; });
  const std::size_t before = out.size();
  std::string candidate;
  bool whole = characters <= options_.most_characters;
  for (std::size_t begin = 0; whole && begin < word.size();) {
    std::size_t end = std::min(word.size(), begin + longest_);
    while (end < word.size() && end > begin && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80) --end;
    TokenId found = -1;
    for (; end > begin; --end) {
      if (end < word.size() && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80) continue;  // inside a character
      candidate.assign(begin > 0 ? options_.prefix : "").append(word, begin, end - begin);
      found = index_.find(written_, candidate);
      if (found >= 0 && findable_[static_cast<std::size_t>(found)]) break;
      found = -1;
    }
    if (found >= 0) out.push_back(found);
    whole = found >= 0;
    begin = end;
  }
  if (whole) return;
  out.resize(before);
  out.push_back(options_.unknown);
}

WordLevel::WordLevel(const Vocabulary& vocabulary, const std::vector<bool>& findable, TokenId unknown, std::string origin)
    : findable_(findable), unknown_(unknown), origin_(std::move(origin)) {
  copy_tokens(vocabulary, written_, index_);
}

void WordLevel::encode_word(std::string_view word, std::vector<TokenId>& out) const {
  const TokenId id = index_.find(written_, word);
  if (id >= 0 && findable_[static_cast<std::size_t>(id)]) return out.push_back(id);
  if (unknown_ < 0) fail("{}: the word \"{}\" is not in the vocabulary, which has no unknown token", origin_, word);
  out.push_back(unknown_);
}

}  // namespace cairn::text
