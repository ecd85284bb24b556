#include "engine/text/vocabulary.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace cairn::text {

void Vocabulary::add_unfindable(const std::string& token, TokenId id, const std::string& place) {
  const auto at = static_cast<std::size_t>(id);
  if (token.size() > kMostTokenBytes)
    fail("{}: the token with id {} has {} bytes; expected at most {}", place, id, token.size(), kMostTokenBytes);
  if (at >= limit_) fail("{}: id {} of \"{}\" leaves a gap: there are only {} tokens", place, id, token, limit_);
  if (at >= written_.size()) written_.resize(at + 1), known_.resize(written_.size());
  if (known_[at]) fail("{}: id {} belongs to both \"{}\" and \"{}\"", place, id, written_[at], token);
  known_[at] = true;
  written_[at] = token;
}

void Vocabulary::add(const std::string& token, TokenId id, const std::string& place) {
  add_unfindable(token, id, place);
  index_.add(written_, id);
}

void Vocabulary::require_dense(const std::string& origin) const {
  const auto hole = std::find(known_.begin(), known_.end(), false);
  if (hole == known_.end()) return;
  fail("{}: no token has id {}, though the highest is {}", origin, hole - known_.begin(), known_.size() - 1);
}

std::string byte_token(unsigned byte) {
  return fmt::format("<0x{:02X}>", byte);
}

std::optional<unsigned> byte_of_token(std::string_view token) {
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>') return std::nullopt;
  unsigned byte = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  if (error != std::errc() || end != token.data() + 5) return std::nullopt;
  return byte;
}

std::array<TokenId, 256> byte_token_ids(const Vocabulary& vocabulary) {
  std::array<TokenId, 256> ids;
  for (unsigned byte = 0; byte < 256; ++byte) ids[byte] = vocabulary.id_of(byte_token(byte));
  return ids;
}

}  // namespace cairn::text
