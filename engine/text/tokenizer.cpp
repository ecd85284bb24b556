#include "engine/text/tokenizer.h"

#include <deque>

#include "base/disk.h"
#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"
#include "engine/text/replacement.h"
#include "engine/text/tokenizer_formats.h"
#include "engine/text/tokenizer_state.h"
#include "engine/text/unicode.h"
#include "engine/text/word_cache.h"

namespace cairn::text {
namespace {

// Collects ids in a small buffer, so that adding the few ids of a word is a copy of fixed size.
class Sink {
 public:
  explicit Sink(std::vector<TokenId>& out) : out_(out) {}
  ~Sink() { flush(); }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  void put(const std::array<TokenId, WordCache::kMaxIds>& ids, std::size_t count) {
    std::memcpy(buffer_.data() + used_, ids.data(), sizeof ids);
    used_ += count;
    if (used_ + WordCache::kMaxIds > buffer_.size()) flush();
  }
  void put(const TokenId* ids, std::size_t count) {
    flush();
    out_.insert(out_.end(), ids, ids + count);
  }

 private:
  void flush() {
    out_.insert(out_.end(), buffer_.data(), buffer_.data() + used_);
    used_ = 0;
  }

  std::vector<TokenId>& out_;
  std::array<TokenId, 1024> buffer_;
  std::size_t used_ = 0;
};

}  // namespace

// One call of encode: the tokenizer, this thread's cache and the place for ids.
class Tokenizer::Encoder {
 public:
  Encoder(const State& state, std::vector<TokenId>& out) : state_(state), cache_(WordCache::of(state.serial)), sink_(out) {}

  void text(std::string_view text, SpecialTokens special) {
    bytes_ = text.size();
    if (!state_.pre_tokenizer.byte_level()) {
      if (valid_utf8_prefix(text) == text.size()) return valid_text(text, special, true);
      return valid_text(utf8_lossy(text), special, true);
    }
    for (bool at_start = true; !text.empty(); at_start = false) {
      const std::size_t valid = valid_utf8_prefix(text);
      if (valid > 0) {
        valid_text(text.substr(0, valid), special, at_start);
      } else {
        word(text.substr(0, 1));  // a byte that is no UTF-8 stands alone
      }
      text.remove_prefix(valid > 0 ? valid : 1);
    }
  }

 private:
  // One bound for all segments of a text: were each bounded by itself, added tokens or bytes that are no UTF-8 would multiply it.
  void grow(std::size_t& made, std::size_t bytes, const char* what) const {
    made += bytes;
    if (made > Replacement::most_bytes(bytes_)) Replacement::check_growth(made, bytes_, state_.origin + what);
  }

  void valid_text(std::string_view text, SpecialTokens special, bool at_start) {
    const bool as_text = special == SpecialTokens::as_text;
    if (!state_.normalizer) {
      state_.added.cut(text, as_text, segments_);
      for (const Segment& segment : segments_) put(segment, at_start && segment.text.data() == text.data());
      return;
    }
    state_.added.cut_plain(text, as_text, segments_);
    for (const Segment& segment : segments_) {
      const bool first = at_start && segment.text.data() == text.data();
      if (segment.token >= 0) {
        put(segment, first);
        continue;
      }
      normalized_ = segment.text;
      state_.normalizer->apply(normalized_);
      grow(normalized_bytes_, normalized_.size(), ": normalizer");
      state_.added.cut_normalized(normalized_, as_text, parts_);
      for (const Segment& part : parts_) put(part, first && part.text.data() == normalized_.data());
    }
  }

  void put(const Segment& segment, bool at_start) {
    if (segment.token >= 0) return sink_.put(&segment.token, 1);
    if (state_.pre_tokenizer.known()) return words(segment.text, *state_.pre_tokenizer.known());
    state_.pre_tokenizer.split(segment.text, pieces_, store_, at_start);
    for (const std::string_view piece : pieces_) {
      grow(piece_bytes_, piece.size(), ": pre_tokenizer");
      cut_word(piece);
    }
    store_.clear();
  }

  // A piece, cut where the model cannot join.
  void cut_word(std::string_view piece) {
    const std::string_view mark = state_.cut_before;
    if (mark.empty()) return word(piece);
    std::size_t begin = 0, at = 0;
    while ((at = piece.find(mark, at)) != std::string_view::npos) {
      const bool run = at >= begin + mark.size() && piece.substr(at - mark.size(), mark.size()) == mark;
      if (at > begin && !run) {
        word(piece.substr(begin, at - begin));
        begin = at;
      }
      at += mark.size();
    }
    word(piece.substr(begin));
  }

  void words(std::string_view text, const KnownPattern& pattern) {
    const std::uint8_t* classes = CharacterClasses::get().data();
    const char* end = text.data() + text.size();
    const char* number_end = nullptr;
    for (const char* p = text.data(); p < end;) {
      const char* next = next_piece(pattern, p, end, classes, number_end);
      word({p, static_cast<std::size_t>(next - p)});
      p = next;
    }
  }

  void word(std::string_view word) {
    if (word.size() > WordCache::kMaxBytes) {
      merge(word);
      sink_.put(ids_.data(), ids_.size());
      return;
    }
    bool hit = false;
    WordCache::Entry& entry = cache_.slot(word, hit);
    if (hit) {
      sink_.put(entry.ids, entry.count);
      return;
    }
    merge(word);
    if (ids_.size() <= WordCache::kMaxIds) {
      cache_.fill(entry, ids_.data(), ids_.size());
      sink_.put(entry.ids, entry.count);
    } else {
      sink_.put(ids_.data(), ids_.size());
    }
  }

  void merge(std::string_view word) {
    ids_.clear();
    if (word.size() <= state_.longest_whole_word) {
      const TokenId whole = state_.whole_words.find(state_.words(), word);
      if (whole >= 0) return ids_.push_back(whole);
    }
    state_.model->encode_word(word, ids_);
  }

  const State& state_;
  WordCache& cache_;
  Sink sink_;
  std::size_t bytes_ = 0, normalized_bytes_ = 0, piece_bytes_ = 0;  // of the text; of what was made of it so far
  std::vector<Segment> segments_, parts_;
  std::string normalized_;
  std::vector<std::string_view> pieces_;
  std::deque<std::string> store_;
  std::vector<TokenId> ids_;
};

Tokenizer::Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  const std::filesystem::path file = tokenizer_file(path);
  return from_bytes(read_file(file), file.string());
}

Tokenizer Tokenizer::from_bytes(std::string_view bytes, std::string_view origin) {
  const TokenizerFile file = read_tokenizer_file(bytes, std::string(origin));
  if (const auto* json = std::get_if<Json>(&file)) return from_json(*json, origin);
  if (const auto* ranks = std::get_if<RankFile>(&file)) return Tokenizer(State::from_ranks(*ranks, origin));
  return Tokenizer(State::from_sentencepiece(std::get<SentencePieceFile>(file), origin));
}

Tokenizer Tokenizer::from_json(const Json& json, std::string_view origin) {
  return Tokenizer(State::read(json, origin));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, SpecialTokens special) const {
  std::vector<TokenId> ids;
  encode_to(text, special, ids);
  return ids;
}

void Tokenizer::encode_to(std::string_view text, SpecialTokens special, std::vector<TokenId>& out) const {
  Encoder(*state_, out).text(text, special);
}

std::vector<TokenId> Tokenizer::with_special(const std::vector<TokenId>& ids) const {
  return state_->post_processor.apply(ids);
}

std::vector<TokenId> Tokenizer::with_special(const std::vector<TokenId>& first, const std::vector<TokenId>& second) const {
  return state_->post_processor.apply(first, second);
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  std::string text;
  std::vector<std::string> tokens;
  for (const TokenId id : ids) {
    if (skip_special && is_special(id)) continue;
    const std::string& token = shown(id);
    if (state_->decodes_bytes)
      text += state_->bytes[static_cast<std::size_t>(id)];
    else
      tokens.push_back(token);
  }
  return state_->decodes_bytes ? text : decode_tokens(state_->decoder.get(), std::move(tokens));
}

const std::string& Tokenizer::shown(TokenId id) const {
  if (id < 0 || id >= vocab_size())
    fail("{}: no token has id {}; the vocabulary ends at {}", state_->origin, id, vocab_size() - 1);
  const auto normalized = state_->shown.find(id);
  return normalized != state_->shown.end() ? normalized->second : state_->written[static_cast<std::size_t>(id)];
}

std::string Tokenizer::token_bytes(TokenId id) const {
  const std::string& token = shown(id);
  if (state_->decodes_bytes) return state_->bytes[static_cast<std::size_t>(id)];
  if (is_special(id)) return token;
  if (const auto byte = byte_of_token(token); byte && state_->decodes_byte_tokens)
    return std::string(1, static_cast<char>(*byte));
  // What it adds behind another token: decoders treat the first one apart.
  const std::string before = decode_tokens(state_->decoder.get(), {"a"});
  const std::string both = decode_tokens(state_->decoder.get(), {"a", token});
  return both.compare(0, before.size(), before) == 0 ? both.substr(before.size()) : token;
}

std::int64_t Tokenizer::vocab_size() const {
  return static_cast<std::int64_t>(state_->written.size());
}

std::optional<TokenId> Tokenizer::id_of(std::string_view token) const {
  const TokenId id = state_->index.find(state_->written, token);
  return id < 0 ? std::nullopt : std::optional(id);
}

TokenId Tokenizer::require(std::string_view token) const {
  if (const auto id = id_of(token)) return *id;
  fail("{}: the vocabulary has no token \"{}\"", state_->origin, token);
}

bool Tokenizer::is_special(TokenId id) const {
  return id >= 0 && id < vocab_size() && state_->special[static_cast<std::size_t>(id)];
}

}  // namespace cairn::text
