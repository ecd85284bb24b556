#include "engine/text/tokenizer.h"

#include <deque>

#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"
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
    while (!text.empty()) {
      const std::size_t valid = valid_utf8_prefix(text);
      if (valid > 0) {
        valid_text(text.substr(0, valid), special);
      } else {
        word(text.substr(0, 1));  // a byte that is no UTF-8 stands alone
      }
      text.remove_prefix(valid > 0 ? valid : 1);
    }
  }

 private:
  void valid_text(std::string_view text, SpecialTokens special) {
    state_.added.cut(text, special == SpecialTokens::as_text, segments_);
    for (const Segment& segment : segments_) {
      if (segment.token >= 0) {
        sink_.put(&segment.token, 1);
      } else if (state_.pre_tokenizer.known()) {
        words(segment.text, *state_.pre_tokenizer.known());
      } else {
        state_.pre_tokenizer.split(segment.text, pieces_, store_);
        for (const std::string_view piece : pieces_) word(piece);
        store_.clear();
      }
    }
  }

  void words(std::string_view text, const KnownPattern& pattern) {
    const std::uint8_t* classes = CharacterClasses::get().data();
    const char* end = text.data() + text.size();
    for (const char* p = text.data(); p < end;) {
      const char* next = next_piece(pattern, p, end, classes);
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
    if (!state_.whole_words.empty()) {
      const auto whole = state_.whole_words.find(word);
      if (whole != state_.whole_words.end()) return ids_.push_back(whole->second);
    }
    state_.bpe.encode_word(word, ids_);
  }

  const State& state_;
  WordCache& cache_;
  Sink sink_;
  std::vector<Segment> segments_;
  std::vector<std::string_view> pieces_;
  std::deque<std::string> store_;
  std::vector<TokenId> ids_;
};

Tokenizer::Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  const std::filesystem::path file = std::filesystem::is_directory(path) ? path / "tokenizer.json" : path;
  return from_json(read_json(file), file.string());
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

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  std::string text;
  for (const TokenId id : ids) {
    if (!(skip_special && is_special(id))) text += token_bytes(id);
  }
  return text;
}

std::string Tokenizer::token_bytes(TokenId id) const {
  if (id < 0 || id >= vocab_size())
    fail("{}: no token has id {}; the vocabulary ends at {}", state_->origin, id, vocab_size() - 1);
  return state_->bytes[static_cast<std::size_t>(id)];
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
