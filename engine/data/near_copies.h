// How much of some texts a corpus holds already: runs of words in common, whatever lines, case and punctuation.
//
// A text that stands in many editions is not met by comparing whole texts: an edition is cut and broken into lines in other ways.
// Its runs of words stay the same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::data {

class NearCopies {
 public:
  // Each item as the hashes of its words (evaluation_texts.h); an item of fewer than `ngram_words` has no run.
  NearCopies(const std::vector<std::vector<std::uint64_t>>& items, std::size_t ngram_words);

  // Runs of a text that stand in items, as numbers, each once, ascending. Any thread.
  std::vector<std::uint32_t> runs_in(std::string_view text) const;
  // Counts them for a document, one after another.
  void add(const std::vector<std::uint32_t>& runs, const std::string& url);

  struct Found {
    double share = 0;      // of the item's runs that any document holds
    double most = 0;       // and that one document holds
    std::string url = {};  // which one, the first of equals
  };
  Found found(std::size_t item) const;
  std::size_t runs(std::size_t item) const { return counts_[item]; }

 private:
  struct Gram {
    std::uint64_t hash = 0;
    std::uint32_t item = 0;
    auto operator<=>(const Gram&) const = default;
  };
  std::size_t ngram_words_;
  std::vector<Gram> grams_;  // sorted, each once
  std::vector<std::uint64_t> maybe_;
  std::vector<bool> seen_;
  std::vector<std::uint32_t> counts_, seen_counts_, most_;
  std::vector<std::string> urls_;
};

// Hashes of the runs of `ngram_words` words, in order.
std::vector<std::uint64_t> run_hashes(const std::vector<std::uint64_t>& words, std::size_t ngram_words);

}  // namespace cairn::data
