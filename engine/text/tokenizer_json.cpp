// Reading a tokenizer.json (spec/apertus.md §6). Every name and number is checked before it is used.
#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "base/json.h"
#include "engine/text/byte_alphabet.h"
#include "engine/text/json_fields.h"
#include "engine/text/tokenizer_state.h"

namespace cairn::text {
namespace {

struct Vocabulary {
  TokenIndex index;
  std::vector<std::string> written;  // by id; holes are told by `known`
  std::vector<bool> known;
  std::size_t count = 0;

  TokenId id_of(std::string_view token) const { return index.find(written, token); }  // -1: not there

  void add(const std::string& token, TokenId id, const std::string& place, std::size_t limit) {
    if (static_cast<std::size_t>(id) >= limit) {
      fail("{}: id {} of \"{}\" leaves a gap: there are only {} tokens", place, id, token, limit);
    }
    if (static_cast<std::size_t>(id) >= written.size())
      written.resize(static_cast<std::size_t>(id) + 1), known.resize(written.size());
    if (known[static_cast<std::size_t>(id)]) {
      fail("{}: id {} belongs to both \"{}\" and \"{}\"", place, id, written[static_cast<std::size_t>(id)], token);
    }
    known[static_cast<std::size_t>(id)] = true;
    written[static_cast<std::size_t>(id)] = token;
    index.add(written, id);
    ++count;
  }
};

void refuse_normalizer(const Json& json, const std::string& origin) {
  const auto found = json.find("normalizer");
  if (found == json.end() || found->is_null()) return;
  const std::string place = origin + ": normalizer";
  const std::string type = string_field(*found, "type", place);
  if (type == "Sequence" && array_field(*found, "normalizers", place).empty()) return;
  fail("{}: a normalizer of type \"{}\" is not supported; expected null", place, type);
}

void refuse_decoder(const Json& json, const std::string& origin) {
  const auto found = json.find("decoder");
  if (found == json.end() || found->is_null()) return;
  const std::string type = string_field(*found, "type", origin + ": decoder");
  if (type != "ByteLevel") fail("{}: decoder: type \"{}\" is not supported; expected \"ByteLevel\"", origin, type);
}

Vocabulary read_vocabulary(const Json& model, std::size_t added, const std::string& place) {
  const Json& vocab = object_field(model, "vocab", place);
  Vocabulary vocabulary;
  vocabulary.index = TokenIndex(vocab.size() + added);
  const std::size_t limit = vocab.size() + added;
  for (const auto& [token, id] : vocab.items()) {
    vocabulary.add(token, id_value(id, fmt::format("{}.vocab[\"{}\"]", place, token)), place + ".vocab", limit);
  }
  return vocabulary;
}

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

// Merges that give a special token are checked and left out: text must never merge into a control token.
MergeTable read_merges(const Json& model, const Vocabulary& vocabulary, const std::vector<bool>& special,
                       const std::string& place) {
  const Json& merges = array_field(model, "merges", place);
  MergeTable table(merges.size());
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const auto where = [&] { return fmt::format("{}.merges[{}]", place, i); };
    const auto [left, right] = read_merge(merges[i], where);
    const auto id_of = [&](const std::string& token, const char* what) {
      const TokenId id = vocabulary.id_of(token);
      if (id < 0) fail("{}: {} \"{}\" is not in the vocabulary", where(), what, token);
      return id;
    };
    const TokenId left_id = id_of(left, "the left part"), right_id = id_of(right, "the right part");
    const TokenId result = id_of(left + right, "the result");
    if (!special[static_cast<std::size_t>(result)]) table.set(left_id, right_id, static_cast<std::uint32_t>(i), result);
  }
  return table;
}

void refuse_model_options(const Json& model, const std::string& place) {
  const auto type = model.find("type");
  if (type != model.end() && *type != "BPE") fail("{}.type: {} is not supported; expected \"BPE\"", place, type->dump());
  const auto dropout = model.find("dropout");
  if (dropout != model.end() && !dropout->is_null() && !(dropout->is_number() && dropout->get<double>() == 0)) {
    fail("{}.dropout: {} is not supported: encoding would be random", place, dropout->dump());
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const std::string affix = optional_string_field(model, key, place);
    if (!affix.empty()) fail("{}.{}: \"{}\" is not supported; expected null", place, key, affix);
  }
}

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

std::shared_ptr<const Tokenizer::State> Tokenizer::State::read(const Json& json, std::string_view origin_view) {
  const std::string origin(origin_view);
  if (!json.is_object()) fail("{}: expected an object", origin);
  const std::string place = origin + ": model";
  const Json& model = object_field(json, "model", origin);
  refuse_model_options(model, place);
  refuse_normalizer(json, origin);
  refuse_decoder(json, origin);

  std::vector<AddedToken> added = read_added_tokens(json, origin);
  Vocabulary vocabulary = read_vocabulary(model, added.size(), place);
  const std::size_t limit = vocabulary.count + added.size();
  for (std::size_t i = 0; i < added.size(); ++i) {
    const std::string where = fmt::format("{}: added_tokens[{}]", origin, i);
    const TokenId known = vocabulary.id_of(added[i].content);
    if (known < 0) {
      vocabulary.add(added[i].content, added[i].id, where, limit);
    } else if (known != added[i].id) {
      fail("{}: \"{}\" has id {} here and {} in the vocabulary", where, added[i].content, added[i].id, known);
    }
  }
  const auto hole = std::find(vocabulary.known.begin(), vocabulary.known.end(), false);
  if (hole != vocabulary.known.end()) {
    fail("{}: no token has id {}, though the highest is {}", origin, hole - vocabulary.known.begin(),
         vocabulary.known.size() - 1);
  }

  const auto pre_tokenizer = json.find("pre_tokenizer");
  if (pre_tokenizer == json.end()) fail("{}: the key \"pre_tokenizer\" is missing", origin);
  auto state = std::make_shared<State>(State{.origin = origin,
                                             .serial = next_serial(),
                                             .written = {},
                                             .bytes = {},
                                             .special = {},
                                             .index = TokenIndex(),
                                             .whole_words = {},
                                             .added = {},
                                             .pre_tokenizer = PreTokenizer(*pre_tokenizer, origin + ": pre_tokenizer"),
                                             .bpe = {}});
  state->special.resize(vocabulary.written.size());
  for (const AddedToken& token : added) {
    if (token.special) state->special[static_cast<std::size_t>(token.id)] = true;
  }
  Bpe& bpe = state->bpe;
  bpe.merges = read_merges(model, vocabulary, state->special, place);
  const bool byte_fallback = bool_field(model, "byte_fallback", place, false);
  for (unsigned byte = 0; byte < 256; ++byte) {
    bpe.byte_ids[byte] = vocabulary.id_of(to_alphabet(std::string(1, static_cast<char>(byte))));
    if (bpe.byte_ids[byte] < 0 && byte_fallback) {
      fail("{}.byte_fallback: is not supported; byte 0x{:02x} has no token of its own", place, byte);
    }
  }
  const std::string unknown = optional_string_field(model, "unk_token", place);
  if (!unknown.empty()) {
    bpe.unknown = vocabulary.id_of(unknown);
    if (bpe.unknown < 0) fail("{}.unk_token: \"{}\" is not in the vocabulary", place, unknown);
    bpe.fuse_unknown = bool_field(model, "fuse_unk", place, false);
  }

  state->written = std::move(vocabulary.written);
  state->index = std::move(vocabulary.index);
  const std::size_t size = state->written.size();
  state->bytes.reserve(size);
  for (const std::string& token : state->written) state->bytes.push_back(from_alphabet(token).value_or(token));
  if (bool_field(model, "ignore_merges", place, false)) {
    const Json& vocab = model["vocab"];
    for (std::size_t id = 0; id < size; ++id) {
      const bool in_model = vocab.contains(state->written[id]) && from_alphabet(state->written[id]);
      if (in_model && !state->special[id]) state->whole_words.emplace(state->bytes[id], static_cast<TokenId>(id));
    }
  }
  state->added = AddedTokens(std::move(added));
  return state;
}

}  // namespace cairn::text
