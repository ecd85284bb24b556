#include "engine/text/model_json.h"

#include "base/error.h"
#include "base/json.h"
#include "engine/text/byte_alphabet.h"
#include "engine/text/character_bpe.h"
#include "engine/text/json_fields.h"
#include "engine/text/metaspace.h"
#include "engine/text/unigram.h"
#include "engine/text/word_piece.h"

namespace cairn::text {
namespace {

// A merge is "left right" or ["left", "right"].
template <typename Where>
std::pair<std::string, std::string> read_merge(const Json& merge, const Where& where) {
  if (merge.is_string()) {
    const std::string text = merge.get<std::string>();
    const std::size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
      fail("{}: expected two tokens with one space between, found \"{}\"", where(), text);
    }
    return {text.substr(0, space), text.substr(space + 1)};
  }
  if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() || !merge[1].is_string()) {
    fail("{}: expected \"left right\" or [\"left\", \"right\"]", where());
  }
  return {merge[0].get<std::string>(), merge[1].get<std::string>()};
}

struct Merges {
  MergeTable table;
  bool cross_spaces = false;  // some merge gives a token with U+2581 behind another character
};

// Merges that give a special token are checked and left out: text must never merge into a control token.
Merges read_merges(const Json& model, const Vocabulary& vocabulary, const std::vector<bool>& special, const std::string& prefix,
                   const std::string& place) {
  const Json& list = array_field(model, "merges", place);
  Merges merges{MergeTable(list.size())};
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto where = [&] { return fmt::format("{}.merges[{}]", place, i); };
    const auto [left, right] = read_merge(list[i], where);
    if (left.empty() || right.empty()) fail("{}: a token without text cannot be merged", where());
    const auto id_of = [&](const std::string& token, const char* what) {
      const TokenId id = vocabulary.id_of(token);
      if (id < 0) fail("{}: {} \"{}\" is not in the vocabulary", where(), what, token);
      return id;
    };
    const TokenId left_id = id_of(left, "the left part"), right_id = id_of(right, "the right part");
    if (right.size() < prefix.size()) fail("{}: the right part \"{}\" is shorter than the prefix \"{}\"", where(), right, prefix);
    const std::string whole = left + right.substr(prefix.size());
    const TokenId result = id_of(whole, "the result");
    if (special[static_cast<std::size_t>(result)]) continue;
    merges.table.set(left_id, right_id, static_cast<std::uint32_t>(i), result);
    merges.cross_spaces = merges.cross_spaces || crosses_mark(whole, kMetaspace);
  }
  return merges;
}

// -1 when the file names none.
TokenId unknown_token(const Json& model, const Vocabulary& vocabulary, const std::string& place) {
  const std::string unknown = optional_string_field(model, "unk_token", place);
  const TokenId id = unknown.empty() ? -1 : vocabulary.id_of(unknown);
  if (!unknown.empty() && id < 0) fail("{}.unk_token: \"{}\" is not in the vocabulary", place, unknown);
  return id;
}

std::unique_ptr<const Model> byte_level_bpe(const Json& model, const Vocabulary& vocabulary, MergeTable merges,
                                            const std::string& place) {
  auto bpe = std::make_unique<Bpe>();
  bpe->merges = std::move(merges);
  const bool byte_fallback = bool_field(model, "byte_fallback", place, false);
  for (unsigned byte = 0; byte < 256; ++byte) {
    bpe->byte_ids[byte] = vocabulary.id_of(to_alphabet(std::string(1, static_cast<char>(byte))));
    if (bpe->byte_ids[byte] < 0 && byte_fallback) {
      fail("{}.byte_fallback: is not supported behind ByteLevel; byte 0x{:02x} has no token of its own", place, byte);
    }
  }
  bpe->merges.know_bytes(bpe->byte_ids);
  bpe->unknown = unknown_token(model, vocabulary, place);
  bpe->fuse_unknown = bool_field(model, "fuse_unk", place, false);
  return bpe;
}

ReadModel read_bpe(const Json& model, const Vocabulary& vocabulary, const std::vector<bool>& special, bool byte_level,
                   const std::string& place) {
  const auto dropout = model.find("dropout");
  if (dropout != model.end() && !dropout->is_null() && !(dropout->is_number() && dropout->get<double>() == 0)) {
    fail("{}.dropout: {} is not supported: encoding would be random", place, dropout->dump());
  }
  CharacterBpe::Options options;
  options.continuing_prefix = optional_string_field(model, "continuing_subword_prefix", place);
  options.end_suffix = optional_string_field(model, "end_of_word_suffix", place);
  Merges merges = read_merges(model, vocabulary, special, options.continuing_prefix, place);
  ReadModel read;
  if (bool_field(model, "ignore_merges", place, false)) {
    const Json& vocab = model["vocab"];
    for (std::size_t id = 0; id < vocabulary.size(); ++id) {
      const std::string& token = vocabulary.written(static_cast<TokenId>(id));
      if (special[id] || !vocab.contains(token) || (byte_level && !from_alphabet(token))) continue;
      read.whole_words.push_back(static_cast<TokenId>(id));
    }
  }
  if (byte_level) {
    read.model = byte_level_bpe(model, vocabulary, std::move(merges.table), place);
    return read;
  }
  options.byte_ids = byte_token_ids(vocabulary);
  options.byte_fallback = bool_field(model, "byte_fallback", place, false);
  options.unknown = unknown_token(model, vocabulary, place);
  options.fuse_unknown = bool_field(model, "fuse_unk", place, false);
  const bool plain = options.continuing_prefix.empty() && options.end_suffix.empty() && read.whole_words.empty();
  if (plain && !merges.cross_spaces && vocabulary.id_of(kMetaspace) >= 0) read.cut_before = kMetaspace;
  read.model = std::make_unique<CharacterBpe>(vocabulary, special, std::move(merges.table), std::move(options));
  return read;
}

std::unique_ptr<const Model> read_unigram(const Json& model, const Vocabulary& vocabulary, const std::vector<bool>& special,
                                          const std::string& place) {
  const Json& vocab = array_field(model, "vocab", place);
  std::vector<Unigram::Piece> pieces;
  for (std::size_t i = 0; i < vocab.size(); ++i)
    pieces.push_back({static_cast<TokenId>(i), vocab[i][1].get<double>(), !special[i]});
  Unigram::Options options;
  const auto unknown = model.find("unk_id");
  if (unknown != model.end() && !unknown->is_null()) {
    options.unknown = id_value(*unknown, place + ".unk_id");
    if (static_cast<std::size_t>(options.unknown) >= vocab.size())
      fail("{}.unk_id: {} is beyond the vocabulary of {} tokens", place, options.unknown, vocab.size());
    pieces[static_cast<std::size_t>(options.unknown)].findable = false;
  }
  options.byte_ids = byte_token_ids(vocabulary);
  options.byte_fallback = bool_field(model, "byte_fallback", place, false);
  options.origin = place;
  return std::make_unique<Unigram>(vocabulary, pieces, std::move(options));
}

std::vector<bool> findable_tokens(const Json& model, const Vocabulary& vocabulary, const std::vector<bool>& special) {
  std::vector<bool> findable(vocabulary.size());
  for (std::size_t id = 0; id < findable.size(); ++id)
    findable[id] = !special[id] && model["vocab"].contains(vocabulary.written(static_cast<TokenId>(id)));
  return findable;
}

std::unique_ptr<const Model> read_word_piece(const Json& model, const Vocabulary& vocabulary, const std::vector<bool>& special,
                                             const std::string& place) {
  WordPiece::Options options;
  options.unknown = unknown_token(model, vocabulary, place);
  if (options.unknown < 0) fail("{}.unk_token: is missing", place);
  if (model.contains("continuing_subword_prefix"))
    options.prefix = optional_string_field(model, "continuing_subword_prefix", place);
  const auto most = model.find("max_input_chars_per_word");
  if (most != model.end())
    options.most_characters = static_cast<std::size_t>(id_value(*most, place + ".max_input_chars_per_word"));
  return std::make_unique<WordPiece>(vocabulary, findable_tokens(model, vocabulary, special), std::move(options));
}

}  // namespace

ModelType model_type(const Json& model, const std::string& place) {
  const std::string type = optional_string_field(model, "type", place);
  if (type == "BPE" || (type.empty() && model.contains("merges"))) return ModelType::bpe;
  if (type == "Unigram" || (type.empty() && model.contains("unk_id"))) return ModelType::unigram;
  if (type == "WordPiece" || (type.empty() && model.contains("continuing_subword_prefix"))) return ModelType::word_piece;
  if (type == "WordLevel" || type.empty()) return ModelType::word_level;
  fail("{}.type: \"{}\" is not known; expected BPE, Unigram, WordPiece or WordLevel", place, type);
}

bool model_takes_bytes(const Json& model, const std::string& place) {
  return model_type(model, place) == ModelType::bpe && optional_string_field(model, "continuing_subword_prefix", place).empty() &&
         optional_string_field(model, "end_of_word_suffix", place).empty();
}

Vocabulary read_vocabulary(const Json& model, std::size_t added, const std::string& place) {
  if (model_type(model, place) != ModelType::unigram) {
    const Json& vocab = object_field(model, "vocab", place);
    Vocabulary vocabulary(vocab.size() + added);
    for (const auto& [token, id] : vocab.items())
      vocabulary.add(token, id_value(id, fmt::format("{}.vocab[\"{}\"]", place, token)), place + ".vocab");
    return vocabulary;
  }
  const Json& vocab = array_field(model, "vocab", place);
  Vocabulary vocabulary(vocab.size() + added);
  for (std::size_t i = 0; i < vocab.size(); ++i) {
    const Json& piece = vocab[i];
    const std::string where = fmt::format("{}.vocab[{}]", place, i);
    if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number())
      fail("{}: expected [\"text\", score]", where);
    const auto& text = piece[0].get_ref<const std::string&>();
    if (vocabulary.id_of(text) < 0)
      vocabulary.add(text, static_cast<TokenId>(i), where);
    else
      vocabulary.add_unfindable(text, static_cast<TokenId>(i), where);
  }
  return vocabulary;
}

ReadModel read_model(const Json& model, const Vocabulary& vocabulary, const std::vector<bool>& special, bool byte_level,
                     const std::string& place) {
  ReadModel read;
  switch (model_type(model, place)) {
    case ModelType::bpe:
      return read_bpe(model, vocabulary, special, byte_level, place);
    case ModelType::unigram:
      read.model = read_unigram(model, vocabulary, special, place);
      break;
    case ModelType::word_piece:
      read.model = read_word_piece(model, vocabulary, special, place);
      break;
    case ModelType::word_level:
      read.model = std::make_unique<WordLevel>(vocabulary, findable_tokens(model, vocabulary, special),
                                               unknown_token(model, vocabulary, place), place);
      break;
  }
  return read;
}

}  // namespace cairn::text
