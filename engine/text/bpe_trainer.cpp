#include "engine/text/bpe_trainer.h"

#include <algorithm>
#include <deque>
#include <numeric>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/json.h"
#include "engine/text/added_tokens.h"
#include "engine/text/byte_alphabet.h"
#include "engine/text/pair_counts.h"
#include "engine/text/pre_tokenizer.h"
#include "engine/text/tokenizer_files.h"
#include "engine/text/unicode.h"
#include "engine/text/word_counter.h"

namespace cairn::text {
namespace {

std::vector<AddedToken> cut_tokens(const BpeTrainerOptions& options) {
  std::vector<AddedToken> tokens;
  for (const std::string& content : options.plain_tokens) {
    AddedToken token;
    token.content = content;
    token.normalized = false;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

void check(const BpeTrainerOptions& options) {
  const auto& special = options.special_tokens;
  if (options.digits < 0 || options.digits > 9) fail_usage("digits {}: expected 0 to 9", options.digits);
  const std::int64_t least = static_cast<std::int64_t>(special.size()) + 256;
  if (options.vocab_size < least) {
    fail_usage("vocab_size {} is too small: {} special tokens and 256 bytes need {}", options.vocab_size, special.size(), least);
  }
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < special.size(); ++i) {
    if (special[i].empty()) fail_usage("special_tokens[{}]: is empty", i);
    if (!seen.insert(special[i]).second) fail_usage("special_tokens[{}]: \"{}\" is given twice", i, special[i]);
    // A one-letter token would take the place of a byte.
    const auto bytes = from_alphabet(special[i]);
    if (bytes && bytes->size() == 1) fail_usage("special_tokens[{}]: \"{}\" already stands for a byte", i, special[i]);
  }
  for (const std::string& plain : options.plain_tokens) {
    if (std::find(special.begin(), special.end(), plain) == special.end()) {
      fail_usage("plain_tokens: \"{}\" is not one of special_tokens", plain);
    }
  }
}

// A word as symbols; `at` and `size` are in one big array of symbols.
struct Word {
  std::size_t at;
  std::uint32_t size;
  std::int64_t count;
};

}  // namespace

struct BpeTrainer::State {
  BpeTrainerOptions options;
  PreTokenizer pre_tokenizer;
  AddedTokens cut;
  std::unique_ptr<WordCounter> counter;
  const WordTable* words = nullptr;  // once finished

  const WordTable& finish() {
    if (!words) words = &counter->finish(static_cast<std::size_t>(options.max_words));
    return *words;
  }

  void count(std::string_view text, WordTable& table) const {
    std::vector<Segment> segments;
    std::vector<std::string_view> pieces;
    std::deque<std::string> store;
    while (!text.empty()) {
      const std::size_t valid = valid_utf8_prefix(text);
      cut.cut(text.substr(0, valid), false, segments);
      for (const Segment& segment : segments) {
        if (segment.token >= 0) continue;
        if (pre_tokenizer.known()) {
          count_pieces(segment.text, *pre_tokenizer.known(), table);
          continue;
        }
        pre_tokenizer.split(segment.text, pieces, store);
        for (const std::string_view piece : pieces) table.add(piece, 1);
      }
      text.remove_prefix(std::min(text.size(), valid + 1));  // a byte that is no UTF-8 is a word without pairs
    }
  }

  static void count_pieces(std::string_view text, const KnownPattern& pattern, WordTable& table) {
    const std::uint8_t* classes = CharacterClasses::get().data();
    const char* end = text.data() + text.size();
    for (const char* p = text.data(); p < end;) {
      const char* next = next_piece(pattern, p, end, classes);
      table.add({p, static_cast<std::size_t>(next - p)}, 1);
      p = next;
    }
  }
};

BpeTrainer::BpeTrainer(BpeTrainerOptions options) {
  check(options);
  PreTokenizer pre_tokenizer(parse_json(pre_tokenizer_json(options.pattern, options.digits), "pattern"), "pattern");
  AddedTokens cut(cut_tokens(options));
  auto counter = std::make_unique<WordCounter>(options.scratch, options.memory_bytes);
  state_ = std::make_unique<State>(State{.options = std::move(options),
                                         .pre_tokenizer = std::move(pre_tokenizer),
                                         .cut = std::move(cut),
                                         .counter = std::move(counter)});
}

BpeTrainer::~BpeTrainer() = default;

const BpeTrainerOptions& BpeTrainer::options() const {
  return state_->options;
}

void BpeTrainer::add(const std::vector<std::string>& texts, ThreadPool& pool) {
  if (state_->words) fail("texts were added after the words were counted");
  state_->counter->add(
      texts.size(), [&](std::size_t i, WordTable& table) { state_->count(texts[i], table); }, pool);
}

std::int64_t BpeTrainer::distinct_words() {
  state_->finish();
  return state_->counter->distinct();
}

namespace {

// The merging itself, over the words' symbols.
class Merger {
 public:
  Merger(const WordTable& table, const std::array<TokenId, 256>& byte_ids) {
    table.each([&](std::string_view word, std::int64_t count) {
      if (word.size() < 2) return;
      words_.push_back({symbols_.size(), static_cast<std::uint32_t>(word.size()), count});
      for (const char c : word) symbols_.push_back(byte_ids[static_cast<std::uint8_t>(c)]);
    });
    for (std::size_t w = 0; w < words_.size(); ++w) {
      const TokenId* symbols = symbols_.data() + words_[w].at;
      for (std::size_t i = 0; i + 1 < words_[w].size; ++i) change(symbols[i], symbols[i + 1], words_[w].count, w);
    }
    push_touched();
  }

  // The most frequent pair, by the rule of bpe_trainer.h; its count, 0 when there is none.
  std::int64_t best(TokenId& left, TokenId& right) {
    while (!heap_.empty()) {
      const Candidate top = heap_.top();
      heap_.pop();
      const std::int64_t now = pairs_[top.pair].count;
      if (now == top.count) return left = top.left, right = top.right, now;
      // Counts in the heap may be too high, never too low: put it back where it belongs.
      if (now > 0 && now < top.count) heap_.push({now, top.left, top.right, top.pair});
    }
    return 0;
  }

  void merge(TokenId left, TokenId right, TokenId result) {
    const std::size_t pair = pairs_.index(left, right);
    const std::vector<std::uint32_t> where = std::move(pairs_[pair].words);
    pairs_[pair].words.clear();
    for (const std::uint32_t w : where) merge_in(w, left, right, result);
    pairs_[pair].count = 0;
    push_touched();
  }

 private:
  struct Candidate {
    std::int64_t count;
    TokenId left, right;
    std::size_t pair;
    bool operator<(const Candidate& other) const {
      if (count != other.count) return count < other.count;
      return left != other.left ? left > other.left : right > other.right;
    }
  };

  void change(TokenId left, TokenId right, std::int64_t by, std::size_t word) {
    const std::size_t index = pairs_.index(left, right);
    PairCounts::Pair& pair = pairs_[index];
    pair.count += by;
    if (by <= 0) return;
    if (pair.words.empty() || pair.words.back() != word) pair.words.push_back(static_cast<std::uint32_t>(word));
    if (!pair.touched) pair.touched = true, touched_.push_back(index);
  }

  void push_touched() {
    for (const std::size_t index : touched_) {
      PairCounts::Pair& pair = pairs_[index];
      pair.touched = false;
      if (pair.count > 0) heap_.push({pair.count, pair.left, pair.right, index});
    }
    touched_.clear();
  }

  void merge_in(std::size_t w, TokenId left, TokenId right, TokenId result) {
    Word& word = words_[w];
    TokenId* symbols = symbols_.data() + word.at;
    std::uint32_t size = 0;
    for (std::uint32_t i = 0; i < word.size; ++i) {
      if (i + 1 == word.size || symbols[i] != left || symbols[i + 1] != right) {
        symbols[size++] = symbols[i];
        continue;
      }
      if (size > 0) {
        change(symbols[size - 1], left, -word.count, w);
        change(symbols[size - 1], result, word.count, w);
      }
      if (i + 2 < word.size) {
        change(right, symbols[i + 2], -word.count, w);
        change(result, symbols[i + 2], word.count, w);
      }
      symbols[size++] = result;
      ++i;
    }
    word.size = size;
  }

  std::vector<TokenId> symbols_;
  std::vector<Word> words_;
  PairCounts pairs_;
  std::vector<std::size_t> touched_;  // pairs whose count grew since the last push
  std::priority_queue<Candidate> heap_;
};

}  // namespace

TrainedBpe BpeTrainer::train(const std::function<void(std::int64_t)>& progress) {
  const BpeTrainerOptions& options = state_->options;
  TrainedBpe trained;
  trained.tokens = options.special_tokens;
  std::array<unsigned, 256> bytes;
  std::iota(bytes.begin(), bytes.end(), 0u);
  std::sort(bytes.begin(), bytes.end(), [](unsigned a, unsigned b) { return byte_alphabet()[a] < byte_alphabet()[b]; });
  std::array<TokenId, 256> byte_ids;
  std::unordered_map<std::string, TokenId> ids;
  for (const unsigned byte : bytes) {
    byte_ids[byte] = static_cast<TokenId>(trained.tokens.size());
    trained.tokens.emplace_back(1, static_cast<char>(byte));
    ids.emplace(trained.tokens.back(), byte_ids[byte]);
  }
  const auto special = static_cast<TokenId>(options.special_tokens.size());
  for (TokenId id = 0; id < special; ++id) {
    const std::string& written = options.special_tokens[static_cast<std::size_t>(id)];
    ids.emplace(from_alphabet(written).value_or(written), id);
  }

  Merger merger(state_->finish(), byte_ids);
  std::unordered_set<std::uint64_t> merged;
  while (static_cast<std::int64_t>(trained.tokens.size()) < options.vocab_size) {
    TokenId left = 0, right = 0;
    const std::int64_t count = merger.best(left, right);
    if (count < std::max<std::int64_t>(options.min_frequency, 1)) break;
    std::string token = trained.tokens[static_cast<std::size_t>(left)] + trained.tokens[static_cast<std::size_t>(right)];
    // Two ways of cutting one string may both be frequent: the second merge gives the token of the first.
    const auto [known, is_new] = ids.emplace(token, static_cast<TokenId>(trained.tokens.size()));
    if (known->second < special) continue;  // text must never merge into a control token
    if (is_new) trained.tokens.push_back(std::move(token));
    const std::uint64_t pair = static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
    if (merged.insert(pair).second) trained.merges.emplace_back(left, right);
    merger.merge(left, right, known->second);
    if (progress && trained.merges.size() % 64 == 0) progress(static_cast<std::int64_t>(trained.merges.size()));
  }
  return trained;
}

}  // namespace cairn::text
