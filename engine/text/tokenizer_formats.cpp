// Tokenizers from files other than tokenizer.json: rank files (tekken, tiktoken) and SentencePiece models. Each encodes as its
// own library does, not as a conversion would.
#include "engine/text/tokenizer_formats.h"

#include "base/disk.h"
#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "engine/text/byte_alphabet.h"
#include "engine/text/character_bpe.h"
#include "engine/text/metaspace.h"
#include "engine/text/rank_file.h"
#include "engine/text/sentencepiece_file.h"
#include "engine/text/sentencepiece_merges.h"
#include "engine/text/sentencepiece_normalizer.h"
#include "engine/text/tokenizer_state.h"
#include "engine/text/unigram.h"
#include "engine/text/whole_pieces.h"

namespace cairn::text {
namespace {

MergeTable table_of(const std::vector<RankedMerge>& merges) {
  MergeTable table(merges.size());
  for (const RankedMerge& merge : merges) table.set(merge.left, merge.right, merge.rank, merge.result);
  return table;
}

// Of pieces with the same text the first is found.
void add(Vocabulary& vocabulary, const std::string& text, TokenId id, const std::string& place) {
  if (vocabulary.id_of(text) < 0)
    vocabulary.add(text, id, place);
  else
    vocabulary.add_unfindable(text, id, place);
}

class SentencePieceDecoder : public Decoder {
 public:
  SentencePieceDecoder(bool prefix, bool trim) : prefix_(prefix), trim_(trim) {}

  void apply(std::vector<std::string>& tokens) const override {
    std::string text, bytes;
    bool at_start = true;
    const auto flush = [&] {
      if (!bytes.empty()) at_start = false;
      if (find_invalid_utf8(bytes) == std::string::npos)
        text += bytes;
      else
        for (std::size_t i = 0; i < bytes.size(); ++i) text += "\xEF\xBF\xBD";
      bytes.clear();
    };
    const std::string_view mark = kMetaspace;
    for (const std::string& token : tokens) {
      if (const auto byte = byte_of_token(token)) {
        bytes += static_cast<char>(*byte);
        continue;
      }
      flush();
      std::string_view piece = token;
      const bool leading = at_start && (prefix_ || trim_) && piece.substr(0, mark.size()) == mark;
      if (leading) piece.remove_prefix(mark.size());
      if ((leading && !trim_) || !piece.empty()) at_start = false;
      while (!piece.empty()) {
        const std::size_t end = std::min(piece.find(mark), piece.size());
        text += piece.substr(0, end);
        piece.remove_prefix(end);
        if (piece.empty()) break;
        text += ' ';
        piece.remove_prefix(mark.size());
      }
    }
    flush();
    tokens.assign(1, std::move(text));
  }

 private:
  bool prefix_, trim_;
};

}  // namespace

std::shared_ptr<const Tokenizer::State> Tokenizer::State::from_ranks(const RankFile& file, std::string_view origin_view) {
  const std::string origin(origin_view);
  auto state = std::make_shared<State>();
  state->origin = origin;
  state->serial = next_serial();
  Vocabulary vocabulary(file.tokens.size() + file.special.size());
  state->special.resize(file.tokens.size() + file.special.size());
  state->bytes.resize(state->special.size());
  for (const AddedToken& token : file.special) {
    vocabulary.add(token.content, token.id, origin);
    state->special[static_cast<std::size_t>(token.id)] = token.special;
    state->bytes[static_cast<std::size_t>(token.id)] = token.content;
  }
  auto bpe = std::make_unique<Bpe>();
  bpe->byte_ids.fill(-1);
  for (const RankedToken& token : file.tokens) {
    add(vocabulary, to_alphabet(token.bytes), token.id, origin);
    const std::string& bytes = state->bytes[static_cast<std::size_t>(token.id)] = token.bytes;
    if (bytes.size() == 1) bpe->byte_ids[static_cast<std::uint8_t>(bytes[0])] = token.id;
  }
  vocabulary.require_dense(origin);
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (bpe->byte_ids[byte] < 0) fail("{}: byte 0x{:02x} has no token of its own", origin, byte);
  }
  bpe->merges = table_of(ranked_merges(file.tokens));
  bpe->merges.know_bytes(bpe->byte_ids);
  state->model = std::move(bpe);
  state->pre_tokenizer = PreTokenizer(pattern_pre_tokenizer(file.pattern), origin + ": pattern");
  state->added = AddedTokens(file.special);
  state->decodes_bytes = true;
  std::vector<TokenId> ids;
  for (const RankedToken& token : file.tokens) ids.push_back(token.id);
  state->find_whole_words(ids);
  state->index = vocabulary.take_index();
  state->written = vocabulary.take_written();
  return state;
}

std::shared_ptr<const Tokenizer::State> Tokenizer::State::from_sentencepiece(const SentencePieceFile& file,
                                                                             std::string_view origin_view) {
  using Type = SentencePieceFile::Type;
  const std::string origin(origin_view);
  const std::size_t size = file.pieces.size();
  using Algorithm = SentencePieceFile::Algorithm;
  const bool bpe = file.algorithm == Algorithm::bpe, words = file.algorithm == Algorithm::words;
  const bool cuts_symbols = bpe || file.algorithm == Algorithm::characters;
  auto state = std::make_shared<State>();
  state->origin = origin;
  state->serial = next_serial();
  state->special.resize(size);
  Vocabulary vocabulary(size);
  std::vector<AddedToken> added;
  std::vector<bool> hidden(size);  // text never becomes these
  for (std::size_t id = 0; id < size; ++id) {
    const SentencePieceFile::Piece& piece = file.pieces[id];
    if (bpe && piece.type == Type::unused) fail("{}: piece {} is of type unused, which is not supported in BPE", origin, id);
    const bool special = piece.type == Type::control || piece.type == Type::unknown;
    const bool symbol = piece.type == Type::user_defined;
    add(vocabulary, piece.text, static_cast<TokenId>(id), fmt::format("{}: piece {}", origin, id));
    state->special[id] = special;
    const bool unused = piece.type == Type::unused && file.algorithm != Algorithm::unigram;  // which text may become in words
    hidden[id] = piece.type != Type::normal && !unused && !(symbol && !cuts_symbols);
    if (!special && !(cuts_symbols && symbol)) continue;
    AddedToken token;
    token.id = static_cast<TokenId>(id);
    token.content = piece.text;
    token.special = special;
    token.normalized = symbol;  // symbols are looked for in the normalized text, which they pass through untouched
    added.push_back(std::move(token));
  }
  const std::array<TokenId, 256> byte_ids = byte_token_ids(vocabulary);
  if (bpe) {
    CharacterBpe::Options options;
    options.byte_ids = byte_ids;
    options.byte_fallback = file.byte_fallback;
    options.unknown = file.unknown;
    options.fuse_unknown = true;
    const std::vector<RankedMerge> merges = sentencepiece_merges(file);
    bool crosses = false;
    for (const RankedMerge& merge : merges)
      crosses |= crosses_mark(file.pieces[static_cast<std::size_t>(merge.result)].text, kMetaspace);
    const TokenId space = vocabulary.id_of(kMetaspace);
    if (!crosses && space >= 0 && !hidden[static_cast<std::size_t>(space)]) state->cut_before = kMetaspace;
    state->model = std::make_unique<CharacterBpe>(vocabulary, hidden, table_of(merges), std::move(options));
  } else if (words || cuts_symbols) {
    WholePieces::Options options;
    options.words = words;
    options.byte_ids = byte_ids;
    options.byte_fallback = file.byte_fallback;
    options.unknown = file.unknown;
    state->model = std::make_unique<WholePieces>(vocabulary, hidden, std::move(options));
  } else {
    Unigram::Options options;
    options.byte_ids = byte_ids;
    options.byte_fallback = file.byte_fallback;
    options.unknown = file.unknown;
    options.single_precision = true;
    options.worst_score = static_cast<double>(lowest_score(file));
    options.origin = origin;
    std::vector<Unigram::Piece> pieces;
    for (TokenId id = 0; id < static_cast<TokenId>(size); ++id)
      pieces.push_back({id, sentencepiece_score(file, id), !hidden[static_cast<std::size_t>(id)]});
    state->model = std::make_unique<Unigram>(vocabulary, pieces, std::move(options));
  }
  state->normalizer = sentencepiece_normalizer(file, origin);
  state->added = AddedTokens(std::move(added));
  state->decoder = std::make_unique<SentencePieceDecoder>(file.add_dummy_prefix, file.remove_extra_whitespaces);
  state->decodes_byte_tokens = true;
  state->index = vocabulary.take_index();
  state->written = vocabulary.take_written();
  return state;
}

fs::path tokenizer_file(const fs::path& path) {
  if (!fs::is_directory(path)) return path;
  for (const char* name : {"tokenizer.json", "tekken.json", "tokenizer.model"}) {
    if (fs::is_regular_file(path / name)) return path / name;
  }
  return path / "tokenizer.json";
}

TokenizerFile read_tokenizer_file(std::string_view bytes, const std::string& origin) {
  if (bytes.substr(0, 3) == "\xEF\xBB\xBF")
    fail("{}: begins with a byte order mark (EF BB BF); expected the file without it", origin);
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && bytes[first] == '{') {
    Json json = parse_json(bytes, origin);
    if (looks_like_tekken(json)) return read_tekken(json, origin);
    return json;
  }
  if (looks_like_tiktoken(bytes)) return read_tiktoken(bytes, origin);
  if (bytes.substr(0, 1) == "\n") return read_sentencepiece(bytes, origin);
  fail("{}: expected a tokenizer.json, a tekken.json, a tiktoken file or a SentencePiece model", origin);
}

}  // namespace cairn::text
