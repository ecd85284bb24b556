#include "engine/text/whole_pieces.h"

#include <algorithm>

#include "engine/text/characters.h"
#include "engine/text/metaspace.h"

namespace cairn::text {

WholePieces::WholePieces(const Vocabulary& vocabulary, const std::vector<bool>& hidden, Options options)
    : options_(std::move(options)) {
  for (TokenId id = 0; id < static_cast<TokenId>(vocabulary.size()); ++id) {
    if (hidden[static_cast<std::size_t>(id)] || vocabulary.id_of(vocabulary.written(id)) != id) continue;
    written_.push_back(vocabulary.written(id));
    ids_.push_back(id);
  }
  index_ = TokenIndex(written_.size());
  for (std::size_t i = 0; i < written_.size(); ++i) index_.add(written_, static_cast<TokenId>(i));
}

void WholePieces::encode_word(std::string_view text, std::vector<TokenId>& out) const {
  const std::string_view mark = kMetaspace;
  const auto has_token = [&](char c) { return options_.byte_ids[static_cast<std::uint8_t>(c)] >= 0; };
  bool after_unknown = false;
  while (!text.empty()) {
    const std::size_t first = first_character_bytes(text);
    const std::string_view piece = text.substr(0, options_.words ? text.find(mark, first) : first);
    text.remove_prefix(piece.size());
    const TokenId at = index_.find(written_, piece);
    if (at >= 0) {
      out.push_back(ids_[static_cast<std::size_t>(at)]);
    } else if (options_.byte_fallback && std::all_of(piece.begin(), piece.end(), has_token)) {
      for (const char c : piece) out.push_back(options_.byte_ids[static_cast<std::uint8_t>(c)]);
    } else if (!after_unknown) {
      out.push_back(options_.unknown);
    }
    after_unknown = at < 0;
  }
}

}  // namespace cairn::text
