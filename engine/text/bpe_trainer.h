// Training of byte-level BPE (Sennrich et al. 2016): count words, then merge the most frequent adjacent pair again and again.
//
// The result is a function of the multiset of texts alone: not of their order, nor of threads. Of pairs equally frequent the one
// with the smaller (left id, right id) comes first, with ids in the order special tokens, bytes by the code point of their letter
// (byte_alphabet.h), merges; that is the rule of the `tokenizers` library, so that on the same words both give the same merges.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "engine/text/bpe.h"

namespace cairn::text {

struct BpeTrainerOptions {
  std::int64_t vocab_size = 8192;                // special tokens, the 256 bytes and merged tokens
  std::string pattern = "apertus";               // name (known_patterns.h), or a regular expression of one's own
  int digits = 0;                                // digits in one word, at most; 0: as the named pattern has it
  bool digits_from_right = false;                // a number is cut into groups of so many from its end
  std::vector<std::string> special_tokens = {};  // take ids 0, 1, ...
  std::vector<std::string> plain_tokens = {};  // those of special_tokens that text may hold (PII markers): not "special", cut out
                                               // of the text before counting
  std::int64_t min_frequency = 2;              // of a pair, to be merged
  std::int64_t max_words = 0;                  // learn from so many distinct words, the most frequent ones; 0: from all
  // Words are counted within about this much memory; what is more is set aside in files under `scratch` (empty: it is not).
  std::uint64_t memory_bytes = 2'000'000'000;
  std::filesystem::path scratch = {};
};

// The control tokens of the Apertus format in its order (spec/apertus.md §2.1): <unk> <s> </s> <pad>, PII markers, chat.
const std::vector<std::string>& apertus_special_tokens();
const std::vector<std::string>& pii_markers();

// The whole block of ids 0 to 999 of the released Apertus tokenizer (spec/apertus.md §2.1): the names that are known at their
// ids, numbered markers <SPECIAL_n> elsewhere. And those of them that text may hold.
std::vector<std::string> apertus_token_block();
const std::vector<std::string>& apertus_plain_tokens();
// `tokens`, filled up with numbered markers until there are `size`.
std::vector<std::string> with_numbered_markers(std::vector<std::string> tokens, std::size_t size);

struct TrainedBpe {
  std::vector<std::string> tokens;                  // by id: special tokens as written, then bytes and merged tokens as bytes
  std::vector<std::pair<TokenId, TokenId>> merges;  // in rank order
};

class BpeTrainer {
 public:
  // Error (usage) on a vocabulary smaller than its special tokens and 256, a plain token that is not listed, a token given twice.
  explicit BpeTrainer(BpeTrainerOptions options);
  ~BpeTrainer();

  // Counts the words of these texts; may be called many times.
  void add(const std::vector<std::string>& texts, ThreadPool& pool);
  std::int64_t distinct_words();  // of all that was added; ends the adding

  // `progress(merges)` is called now and then and may throw to stop. Fewer than vocab_size tokens come out when the words run out
  // of pairs as frequent as min_frequency.
  TrainedBpe train(ThreadPool& pool, const std::function<void(std::int64_t)>& progress = {});

  const BpeTrainerOptions& options() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The texts of tokenizer.json and tokenizer_config.json (with the chat template of chat.h when the chat tokens are there).
std::string tokenizer_json(const TrainedBpe& bpe, const BpeTrainerOptions& options);
std::string tokenizer_config_json(const BpeTrainerOptions& options);

}  // namespace cairn::text
