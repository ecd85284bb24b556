#include "engine/text/bpe_trainer.h"

#include <algorithm>
#include <deque>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/json.h"
#include "engine/text/added_tokens.h"
#include "engine/text/byte_alphabet.h"
#include "engine/text/pair_merger.h"
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
    const char* number_end = nullptr;
    for (const char* p = text.data(); p < end;) {
      const char* next = next_piece(pattern, p, end, classes, number_end);
      table.add({p, static_cast<std::size_t>(next - p)}, 1);
      p = next;
    }
  }
};

BpeTrainer::BpeTrainer(BpeTrainerOptions options) {
  check(options);
  PreTokenizer pre_tokenizer(parse_json(pre_tokenizer_json(options), "pattern"), "pattern");
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

TrainedBpe BpeTrainer::train(ThreadPool& pool, const std::function<void(std::int64_t)>& progress) {
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

  PairMerger merger(state_->finish(), byte_ids, pool);
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
