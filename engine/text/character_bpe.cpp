#include "engine/text/character_bpe.h"

#include "engine/text/characters.h"

namespace cairn::text {
namespace {

bool is_symbol(std::string_view token, const CharacterBpe::Options& options) {
  const std::size_t most = 4 + options.continuing_prefix.size() + options.end_suffix.size();
  return !token.empty() && token.size() <= most;
}

}  // namespace

CharacterBpe::CharacterBpe(const Vocabulary& vocabulary, const std::vector<bool>& hidden, MergeTable merges, Options options)
    : merges_(std::move(merges)), options_(std::move(options)) {
  for (std::size_t id = 0; id < vocabulary.size(); ++id) {
    const std::string& token = vocabulary.written(static_cast<TokenId>(id));
    if (hidden[id] || !is_symbol(token, options_) || vocabulary.id_of(token) != static_cast<TokenId>(id)) continue;
    written_.push_back(token);
    ids_.push_back(static_cast<TokenId>(id));
  }
  index_ = TokenIndex(written_.size());
  for (std::size_t i = 0; i < written_.size(); ++i) index_.add(written_, static_cast<TokenId>(i));
}

TokenId CharacterBpe::symbol(std::string_view text) const {
  const TokenId at = index_.find(written_, text);
  return at < 0 ? -1 : ids_[static_cast<std::size_t>(at)];
}

void CharacterBpe::encode_word(std::string_view word, std::vector<TokenId>& out) const {
  std::vector<TokenId> symbols;
  symbols.reserve(word.size());
  TokenId pending = -1;  // an unknown that the next unknown may join
  const auto flush = [&] {
    if (pending >= 0) symbols.push_back(pending);
    pending = -1;
  };
  std::string affixed;
  for_each_character(word, [&](char32_t, std::size_t at, std::size_t bytes) {
    std::string_view text = word.substr(at, bytes);
    const bool first = at == 0, last = at + bytes == word.size();
    if ((!first && !options_.continuing_prefix.empty()) || (last && !options_.end_suffix.empty())) {
      affixed.assign(first ? "" : options_.continuing_prefix).append(text).append(last ? options_.end_suffix : "");
      text = affixed;
    }
    if (const TokenId id = symbol(text); id >= 0) {
      flush();
      symbols.push_back(id);
      return;
    }
    if (options_.byte_fallback) {
      const auto has_token = [&](char c) { return options_.byte_ids[static_cast<std::uint8_t>(c)] >= 0; };
      if (std::all_of(text.begin(), text.end(), has_token)) {
        for (const char c : text) symbols.push_back(options_.byte_ids[static_cast<std::uint8_t>(c)]);
        return;
      }
    }
    if (!options_.fuse_unknown) flush();
    pending = options_.unknown;
  });
  flush();
  merge_symbols(merges_, symbols.data(), symbols.size(), out);
}

}  // namespace cairn::text
