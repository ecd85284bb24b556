// The tokens of a file while it is read: written form <-> id, checked as they come in.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/model.h"
#include "engine/text/token_index.h"

namespace cairn::text {

// The longest of the usual vocabularies are runs of some hundred spaces. What is decoded is bounded by it.
constexpr std::size_t kMostTokenBytes = 16'384;

class Vocabulary {
 public:
  // `limit`: how many tokens there can be; ids are below it.
  explicit Vocabulary(std::size_t limit = 0) : index_(limit), limit_(limit) {}

  // Error beginning with `place` on an id that is taken or leaves a gap, and on a token of more than 16 kB.
  void add(const std::string& token, TokenId id, const std::string& place);
  // As add, for a token that shares its text with one before it: it has an id, and is never found by text.
  void add_unfindable(const std::string& token, TokenId id, const std::string& place);
  // Error when an id below the highest has no token.
  void require_dense(const std::string& origin) const;

  TokenId id_of(std::string_view token) const { return index_.find(written_, token); }  // -1: not there
  const std::string& written(TokenId id) const { return written_[static_cast<std::size_t>(id)]; }
  std::size_t size() const { return written_.size(); }

  std::vector<std::string> take_written() { return std::move(written_); }
  TokenIndex take_index() { return std::move(index_); }

 private:
  TokenIndex index_;
  std::size_t limit_;
  std::vector<std::string> written_;  // by id; holes are told by known_
  std::vector<bool> known_;
};

// "<0x0A>": how tokens that stand for one byte are written where the alphabet is characters.
std::string byte_token(unsigned byte);
std::optional<unsigned> byte_of_token(std::string_view token);
// Ids of the 256 byte tokens, -1 for those that are missing.
std::array<TokenId, 256> byte_token_ids(const Vocabulary& vocabulary);

}  // namespace cairn::text
