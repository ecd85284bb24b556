#include "engine/text/pair_merger.h"

namespace cairn::text {
namespace {

constexpr std::size_t kManyWords = 4096;  // from which on a merge is worth waking threads for

void change(PairCounts& pairs, TokenId left, TokenId right, std::int64_t by, std::size_t word) {
  PairCounts::Pair& pair = pairs[pairs.index(left, right)];
  pair.count += by;
  if (by <= 0) return;
  if (pair.words.empty() || pair.words.back() != word) pair.words.push_back(static_cast<std::uint32_t>(word));
}

}  // namespace

PairMerger::PairMerger(const WordTable& table, const std::array<TokenId, 256>& byte_ids, ThreadPool& pool) : pool_(pool) {
  std::size_t words = 0, symbols = 0;
  table.each([&](std::string_view word, std::int64_t) {
    if (word.size() >= 2) ++words, symbols += word.size();
  });
  words_.reserve(words);
  symbols_.reserve(symbols);
  table.each([&](std::string_view word, std::int64_t count) {
    if (word.size() < 2) return;
    words_.push_back({symbols_.size(), static_cast<std::uint32_t>(word.size()), count});
    for (const char c : word) symbols_.push_back(byte_ids[static_cast<std::uint8_t>(c)]);
  });
  count_pairs();
}

void PairMerger::count_pairs() {
  const auto threads = static_cast<std::size_t>(pool_.threads());
  std::vector<PairCounts> counts(threads);
  pool_.parallel_for(static_cast<std::int64_t>(threads), [&](std::int64_t thread) {
    const auto t = static_cast<std::size_t>(thread);
    for (std::size_t w = words_.size() * t / threads; w < words_.size() * (t + 1) / threads; ++w) {
      const TokenId* symbols = symbols_.data() + words_[w].at;
      for (std::size_t i = 0; i + 1 < words_[w].size; ++i) change(counts[t], symbols[i], symbols[i + 1], words_[w].count, w);
    }
  });
  for (PairCounts& part : counts) add(part);
  push_touched();
}

// Moves what one thread has counted to the counts of all.
void PairMerger::add(PairCounts& changes) {
  for (std::size_t i = 0; i < changes.size(); ++i) {
    PairCounts::Pair& from = changes[i];
    const std::size_t index = pairs_.index(from.left, from.right);
    PairCounts::Pair& to = pairs_[index];
    to.count += from.count;
    if (from.words.empty()) continue;
    if (to.words.empty())
      to.words = std::move(from.words);
    else
      to.words.insert(to.words.end(), from.words.begin(), from.words.end());
    if (!to.touched) to.touched = true, touched_.push_back(index);
  }
}

std::int64_t PairMerger::best(TokenId& left, TokenId& right) {
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

void PairMerger::push_touched() {
  for (const std::size_t index : touched_) {
    PairCounts::Pair& pair = pairs_[index];
    pair.touched = false;
    if (pair.count > 0) heap_.push({pair.count, pair.left, pair.right, index});
  }
  touched_.clear();
}

template <typename Change>
void PairMerger::merge_in(std::size_t w, TokenId left, TokenId right, TokenId result, const Change& change) {
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

void PairMerger::merge(TokenId left, TokenId right, TokenId result) {
  const std::size_t pair = pairs_.index(left, right);
  const std::vector<std::uint32_t> where = std::move(pairs_[pair].words);
  pairs_[pair].words.clear();
  if (where.size() < kManyWords) {
    for (const std::uint32_t w : where) {
      merge_in(w, left, right, result, [&](TokenId a, TokenId b, std::int64_t by, std::size_t word) {
        const std::size_t index = pairs_.index(a, b);
        change(pairs_, a, b, by, word);
        if (by > 0 && !pairs_[index].touched) pairs_[index].touched = true, touched_.push_back(index);
      });
    }
  } else {
    // A word belongs to one thread, however often it is listed. Changes are summed up before they meet the big table.
    const auto threads = static_cast<std::size_t>(pool_.threads());
    std::vector<PairCounts> changes(threads);
    pool_.parallel_for(static_cast<std::int64_t>(threads), [&](std::int64_t thread) {
      const auto t = static_cast<std::size_t>(thread);
      const std::size_t begin = words_.size() * t / threads, end = words_.size() * (t + 1) / threads;
      for (const std::uint32_t w : where) {
        if (w < begin || w >= end) continue;
        merge_in(w, left, right, result,
                 [&](TokenId a, TokenId b, std::int64_t by, std::size_t word) { change(changes[t], a, b, by, word); });
      }
    });
    for (PairCounts& part : changes) add(part);
  }
  pairs_[pair].count = 0;
  push_touched();
}

}  // namespace cairn::text
