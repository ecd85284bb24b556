// Reading a tokenizer.json (spec/apertus.md §6): added tokens, normalizer, pre-tokenizer, model, post-processor, decoder.
#include <atomic>

#include "base/error.h"
#include "base/json.h"
#include "engine/text/byte_alphabet.h"
#include "engine/text/json_fields.h"
#include "engine/text/model_json.h"
#include "engine/text/tokenizer_state.h"

namespace cairn::text {
namespace {

std::vector<AddedToken> read_added_tokens(const Json& json, const std::string& origin) {
  std::vector<AddedToken> tokens;
  const auto found = json.find("added_tokens");
  if (found == json.end() || found->is_null()) return tokens;
  const Json& list = array_field(json, "added_tokens", origin);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string place = fmt::format("{}: added_tokens[{}]", origin, i);
    AddedToken token;
    token.content = string_field(list[i], "content", place);
    if (token.content.empty()) fail("{}.content: is empty", place);
    if (!list[i].contains("id")) fail("{}: the key \"id\" is missing", place);
    token.id = id_value(list[i]["id"], place + ".id");
    token.special = bool_field(list[i], "special", place, false);
    token.single_word = bool_field(list[i], "single_word", place, false);
    token.lstrip = bool_field(list[i], "lstrip", place, false);
    token.rstrip = bool_field(list[i], "rstrip", place, false);
    token.normalized = bool_field(list[i], "normalized", place, !token.special);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

void add_to_vocabulary(const std::vector<AddedToken>& added, Vocabulary& vocabulary, const std::string& origin) {
  for (std::size_t i = 0; i < added.size(); ++i) {
    const std::string where = fmt::format("{}: added_tokens[{}]", origin, i);
    const TokenId known = vocabulary.id_of(added[i].content);
    if (known < 0) {
      vocabulary.add(added[i].content, added[i].id, where);
    } else if (known != added[i].id) {
      fail("{}: \"{}\" has id {} here and {} in the vocabulary", where, added[i].content, added[i].id, known);
    }
  }
}

// The value of `key`; null when it is missing.
Json value_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found == json.end() ? Json() : *found;
}

}  // namespace

void Tokenizer::State::find_whole_words(const std::vector<TokenId>& ids) {
  whole_words = TokenIndex(ids.size());
  for (const TokenId id : ids) {
    const std::string& word = words()[static_cast<std::size_t>(id)];
    longest_whole_word = std::max(longest_whole_word, word.size());
    if (whole_words.find(words(), word) < 0) whole_words.add(words(), id);
  }
}

std::uint64_t Tokenizer::State::next_serial() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

std::shared_ptr<const Tokenizer::State> Tokenizer::State::read(const Json& json, std::string_view origin_view) {
  const std::string origin(origin_view), place = origin + ": model";
  if (!json.is_object()) fail("{}: expected an object", origin);
  const Json& model = object_field(json, "model", origin);

  std::vector<AddedToken> added = read_added_tokens(json, origin);
  Vocabulary vocabulary = read_vocabulary(model, added.size(), place);
  add_to_vocabulary(added, vocabulary, origin);
  vocabulary.require_dense(origin);

  auto state = std::make_shared<State>();
  state->origin = origin;
  state->serial = next_serial();
  state->special.resize(vocabulary.size());
  for (const AddedToken& token : added) {
    if (token.special) state->special[static_cast<std::size_t>(token.id)] = true;
  }
  state->normalizer = read_normalizer(value_of(json, "normalizer"), origin + ": normalizer");
  state->pre_tokenizer =
      PreTokenizer(value_of(json, "pre_tokenizer"), origin + ": pre_tokenizer", model_takes_bytes(model, place));
  const bool byte_level = state->pre_tokenizer.byte_level();
  ReadModel read = read_model(model, vocabulary, state->special, byte_level, place);
  state->model = std::move(read.model);
  state->cut_before = std::move(read.cut_before);
  const auto size = static_cast<std::int64_t>(vocabulary.size());
  state->post_processor = PostProcessor(value_of(json, "post_processor"), size, origin + ": post_processor");
  const Json decoder = value_of(json, "decoder");
  state->decoder = read_decoder(decoder, origin + ": decoder");
  for (const AddedToken& token : added) {
    if (!token.normalized || !state->normalizer) continue;
    std::string normalized = token.content;
    state->normalizer->apply(normalized);
    if (normalized.size() > kMostTokenBytes)
      fail("{}: the normalizer makes {} bytes of the added token with id {}; expected at most {}", origin, normalized.size(),
           token.id, kMostTokenBytes);
    if (normalized != token.content) state->shown.emplace(token.id, std::move(normalized));
  }
  state->added = AddedTokens(std::move(added), state->normalizer.get());

  state->index = vocabulary.take_index();
  state->written = vocabulary.take_written();
  // A byte-level tokenizer without a decoder decodes as one with it: the library's spaces between tokens help nobody.
  const bool decodes_bytes = decoder.is_null() ? byte_level : decoder.value("type", Json()) == "ByteLevel";
  if (decodes_bytes || byte_level) {
    state->bytes.reserve(state->written.size());
    for (const std::string& token : state->written) state->bytes.push_back(from_alphabet(token).value_or(token));
    for (const auto& [id, text] : state->shown) state->bytes[static_cast<std::size_t>(id)] = text;
  }
  state->find_whole_words(read.whole_words);
  state->decodes_bytes = decodes_bytes;
  state->decodes_byte_tokens = decoder_has(decoder, "ByteFallback");
  return state;
}

}  // namespace cairn::text
