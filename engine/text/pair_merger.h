// The merging of BPE training: words as symbols, the count of each adjacent pair, and the most frequent one merged in place.
//
// Counts are kept up to date from merge to merge: only the words that hold the pair are looked at, on all threads when there are
// many. What comes out does not depend on the number of threads.
#pragma once

#include <array>
#include <cstdint>
#include <queue>
#include <vector>

#include "base/thread_pool.h"
#include "engine/text/pair_counts.h"
#include "engine/text/word_counter.h"

namespace cairn::text {

class PairMerger {
 public:
  // `byte_ids[b]` is the symbol of byte b. `table` is not needed afterwards, `pool` is.
  PairMerger(const WordTable& table, const std::array<TokenId, 256>& byte_ids, ThreadPool& pool);

  // The most frequent pair, of equals the one with the smaller (left, right); its count, 0 when there is none.
  std::int64_t best(TokenId& left, TokenId& right);
  // Puts `result` in place of each such pair, from left to right.
  void merge(TokenId left, TokenId right, TokenId result);

 private:
  // `at` and `size` are in symbols_.
  struct Word {
    std::size_t at;
    std::uint32_t size;
    std::int64_t count;
  };
  struct Candidate {
    std::int64_t count;
    TokenId left, right;
    std::size_t pair;
    bool operator<(const Candidate& other) const {
      if (count != other.count) return count < other.count;
      return left != other.left ? left > other.left : right > other.right;
    }
  };

  void count_pairs();
  void add(PairCounts& changes);
  void push_touched();
  template <typename Change>
  void merge_in(std::size_t word, TokenId left, TokenId right, TokenId result, const Change& change);

  ThreadPool& pool_;
  std::vector<TokenId> symbols_;
  std::vector<Word> words_;
  PairCounts pairs_;
  std::vector<std::size_t> touched_;  // pairs whose count grew since the last push
  std::priority_queue<Candidate> heap_;
};

}  // namespace cairn::text
