// Texts of evaluation sets, and runs of their words found in other texts (spec/data.md §2.10).
//
// A set is a JSONL file (.gz, .zst or plain), or a folder of them; each line is an item, whose text is what it has in the given
// fields, in that order. The set is named for its file, or by the line's "benchmark"; the item by its "id", or by its line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn::data {

struct EvaluationItem {
  std::string name;                  // "gsm8k/test#12"
  std::uint32_t benchmark = 0;       // index among the benchmarks
  std::vector<std::uint64_t> words;  // hashes of the words of its simplified text
};

// `ngram_words` words in a row of an item, met in a text; of an item that has fewer, but kLeastWords, all of them.
struct SharedRun {
  std::uint32_t item = 0;
  std::uint32_t item_word = 0, text_word = 0;  // where it begins
  std::uint32_t words = 0;
};

class EvaluationTexts {
 public:
  static constexpr std::size_t kLeastWords = 8;  // shorter items cannot be told from what anybody may say, and are not looked for

  // Error naming file and line for what is no item: not JSON, or without any of the fields.
  EvaluationTexts(const std::filesystem::path& file, const std::vector<std::string>& fields, std::size_t ngram_words);

  const std::vector<std::string>& benchmarks() const { return benchmarks_; }
  const std::vector<EvaluationItem>& items() const { return items_; }
  // By place in the text, then by item.
  std::vector<SharedRun> shared_runs(const std::vector<std::uint64_t>& words) const;

 private:
  struct Gram {
    std::uint64_t hash;
    std::uint32_t item, word, words;
  };
  void read(const std::filesystem::path& file, const std::string& name, const std::vector<std::string>& fields);
  void add_grams(std::uint32_t item, std::size_t ngram_words);

  std::vector<std::string> benchmarks_;
  std::vector<EvaluationItem> items_;
  std::vector<Gram> grams_;           // sorted
  std::vector<std::size_t> lengths_;  // of grams, ascending
  std::vector<std::uint64_t> maybe_;  // one bit for each of many hashes: most runs of a text are in no set
};

// Hashes of the words of the simplified text (characters.h), in order.
std::vector<std::uint64_t> word_hashes(std::string_view text);
// The same, with the bytes of `text` that each word comes from: of the piece between white space that it stands in.
std::vector<std::uint64_t> word_hashes(std::string_view text, std::vector<std::pair<std::size_t, std::size_t>>& bytes);

struct MatchingBlock {
  std::size_t a = 0, b = 0, size = 0;
};
// Longest runs in common, then those left and right of them, and so on (Ratcliff and Obershelp 1988; as Python's
// difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks() without the empty one at the end).
std::vector<MatchingBlock> matching_blocks(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b);

}  // namespace cairn::data
