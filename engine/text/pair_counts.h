// How often each adjacent pair of symbols occurs while BPE is trained, and in which words: a growing open-addressing table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "engine/text/bpe.h"

namespace cairn::text {

class PairCounts {
 public:
  struct Pair {
    TokenId left = 0, right = 0;
    std::int64_t count = 0;
    std::vector<std::uint32_t> words;  // words that held the pair at some time; maybe more than once
    bool touched = false;
  };

  PairCounts() : slots_(1 << 10, kFree) {}

  // Index of the pair, made with count 0 if new. Indices are in order of first use and stay.
  std::size_t index(TokenId left, TokenId right) {
    std::size_t slot = hash(left, right) & (slots_.size() - 1);
    for (; slots_[slot] != kFree; slot = (slot + 1) & (slots_.size() - 1)) {
      const Pair& pair = pairs_[slots_[slot]];
      if (pair.left == left && pair.right == right) return slots_[slot];
    }
    slots_[slot] = static_cast<std::uint32_t>(pairs_.size());
    Pair& pair = pairs_.emplace_back();
    pair.left = left, pair.right = right;
    const std::size_t made = pairs_.size() - 1;
    if (pairs_.size() * 2 > slots_.size()) grow();
    return made;
  }
  Pair& operator[](std::size_t index) { return pairs_[index]; }
  std::size_t size() const { return pairs_.size(); }

 private:
  static constexpr std::uint32_t kFree = 0xFFFFFFFF;
  static std::size_t hash(TokenId left, TokenId right) {
    std::uint64_t pair = static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
    pair *= 0x9E3779B97F4A7C15u;
    return static_cast<std::size_t>(pair ^ pair >> 32);
  }
  void grow() {
    slots_.assign(slots_.size() * 2, kFree);
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      std::size_t slot = hash(pairs_[i].left, pairs_[i].right) & (slots_.size() - 1);
      while (slots_[slot] != kFree) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = static_cast<std::uint32_t>(i);
    }
  }

  std::vector<std::uint32_t> slots_;
  std::deque<Pair> pairs_;
};

}  // namespace cairn::text
