// Byte pair encoding of one word: start from its bytes, merge the adjacent pair of lowest rank (leftmost first) until no pair has
// one.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/text/model.h"

namespace cairn::text {

// (left, right) -> rank and result: an open-addressing table, fixed once built.
//
// Encoding waits for memory here: the table of a large vocabulary has 16 MB, and most pairs that are looked up are not in it. So
// two small tables come first: the pairs of single bytes, and a bit for each hash that some pair has.
class MergeTable {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  struct Entry {
    std::uint64_t pair = ~std::uint64_t{0};
    std::uint32_t rank = kNone;
    TokenId result = -1;
  };

  MergeTable() : MergeTable(0) {}
  explicit MergeTable(std::size_t merges);
  void set(TokenId left, TokenId right, std::uint32_t rank, TokenId result);  // the last of equal pairs holds
  // Which ids stand for single bytes; after all has been set. Finds the same with and without it.
  void know_bytes(const std::array<TokenId, 256>& ids);
  // An entry of rank kNone when the pair does not merge.
  const Entry& find(TokenId left, TokenId right) const {
    const auto a = static_cast<std::uint32_t>(left - first_byte_), b = static_cast<std::uint32_t>(right - first_byte_);
    if ((a | b) < byte_ids_) return of_bytes_[a << 8 | b];
    const std::uint64_t pair = key(left, right);
    if (!filter_has(pair)) return kNothing;
    std::size_t slot = hash(pair) & mask_;
    while (entries_[slot].pair != pair && entries_[slot].rank != kNone) slot = (slot + 1) & mask_;
    return entries_[slot];
  }

 private:
  static std::uint64_t key(TokenId left, TokenId right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
  }
  static std::size_t hash(std::uint64_t pair) {
    pair *= 0x9E3779B97F4A7C15u;
    return static_cast<std::size_t>(pair ^ pair >> 32);
  }
  std::size_t filter_bit(std::uint64_t pair) const { return (hash(pair) >> 40) & (filter_.size() * 64 - 1); }
  bool filter_has(std::uint64_t pair) const {
    const std::size_t bit = filter_bit(pair);
    return filter_[bit >> 6] >> (bit & 63) & 1;
  }
  static const Entry kNothing;

  std::vector<Entry> entries_;
  std::size_t mask_ = 0;
  std::vector<std::uint64_t> filter_;  // bits; four or more for a pair
  std::vector<Entry> of_bytes_;        // [left][right] of the ids from first_byte_ on
  TokenId first_byte_ = 0;
  std::uint32_t byte_ids_ = 0;  // 256 when of_bytes_ is there
};

// Merges `count` symbols and appends what is left. `symbols` is used up. Linear in the number of merges for short words, n log n
// for long ones, which take at most 24 bytes a symbol beside the symbols themselves; an Error for one of 2^32 - 1 symbols or
// more.
void merge_symbols(const MergeTable& merges, TokenId* symbols, std::size_t count, std::vector<TokenId>& out);

// Byte-level BPE.
struct Bpe : Model {
  std::array<TokenId, 256> byte_ids{};  // id of the token that is this one byte; -1: not in the vocabulary
  TokenId unknown = -1;                 // stands for a byte without token; -1: such bytes are left out
  bool fuse_unknown = false;            // one id for a run of them
  MergeTable merges;

  void encode_word(std::string_view word, std::vector<TokenId>& out) const override;
};

}  // namespace cairn::text
