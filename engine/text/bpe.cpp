#include "engine/text/bpe.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "base/error.h"

namespace cairn::text {
namespace {

constexpr std::size_t kShort = 48;  // symbols; beyond it the quadratic scan loses to a heap

}  // namespace

const MergeTable::Entry MergeTable::kNothing{};

MergeTable::MergeTable(std::size_t merges)
    : entries_(std::bit_ceil(merges * 2 + 2)), mask_(entries_.size() - 1), filter_(std::bit_ceil(merges / 16 + 1)) {}

void MergeTable::set(TokenId left, TokenId right, std::uint32_t rank, TokenId result) {
  const std::uint64_t pair = key(left, right);
  std::size_t slot = hash(pair) & mask_;
  while (entries_[slot].pair != pair && entries_[slot].rank != kNone) slot = (slot + 1) & mask_;
  entries_[slot] = {pair, rank, result};
  const std::size_t bit = filter_bit(pair);
  filter_[bit >> 6] |= std::uint64_t{1} << (bit & 63);
}

void MergeTable::know_bytes(const std::array<TokenId, 256>& ids) {
  const auto [first, last] = std::minmax_element(ids.begin(), ids.end());
  if (*first < 0 || *last - *first != 255) return;  // bytes without a token, or tokens between them
  std::vector<Entry> pairs(256 * 256);
  for (TokenId left = 0; left < 256; ++left) {
    for (TokenId right = 0; right < 256; ++right)
      pairs[static_cast<std::size_t>(left << 8 | right)] = find(*first + left, *first + right);
  }
  of_bytes_ = std::move(pairs);
  first_byte_ = *first;
  byte_ids_ = 256;
}

namespace {

void merge_short(const MergeTable& merges, TokenId* symbols, std::size_t count, std::vector<TokenId>& out) {
  // ranks[i], results[i]: of the pair (i, i + 1).
  std::uint32_t ranks[kShort];
  TokenId results[kShort];
  const auto look_up = [&](std::size_t i) {
    const MergeTable::Entry& entry = merges.find(symbols[i], symbols[i + 1]);
    ranks[i] = entry.rank;
    results[i] = entry.result;
  };
  for (std::size_t i = 0; i + 1 < count; ++i) look_up(i);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (ranks[i] < ranks[best]) best = i;
    }
    if (ranks[best] == MergeTable::kNone) break;
    symbols[best] = results[best];
    std::copy(symbols + best + 2, symbols + count, symbols + best + 1);
    if (best + 2 < count) {
      std::copy(ranks + best + 2, ranks + count - 1, ranks + best + 1);
      std::copy(results + best + 2, results + count - 1, results + best + 1);
    }
    --count;
    if (best + 1 < count) look_up(best);
    if (best > 0) look_up(best - 1);
  }
  out.insert(out.end(), symbols, symbols + count);
}

// A word as spans of its symbols, one for each token so far, each with the rank of its pair with the next; candidates wait in a
// heap, and one whose pair has changed since is dropped.
class LongWord {
 public:
  LongWord(const MergeTable& merges, TokenId* symbols, std::size_t count)
      : merges_(merges),
        symbols_(symbols),
        count_(static_cast<std::uint32_t>(count)),
        links_(count),
        ranks_(count),
        results_(count) {
    for (std::uint32_t i = 0; i < count_; ++i) links_[i] = i + 1;
    for (std::uint32_t i = 0; i < count_; ++i) rank(i);
    collect();
  }

  void merge() {
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      const std::uint64_t candidate = heap_.back();
      heap_.pop_back();
      const auto left = static_cast<std::uint32_t>(candidate);
      if (ranks_[left] != candidate >> 32) continue;
      const std::uint32_t right = links_[left], end = links_[right];
      symbols_[left] = results_[left];
      links_[left] = end;
      links_[end - 1] = left;
      ranks_[right] = kNone;
      offer(left);
      if (left > 0) offer(before(left));
    }
  }

  // Puts what is left to the front of the symbols. Returns how many there are.
  std::size_t gather() {
    std::size_t left = 0;
    for (std::uint32_t i = 0; i < count_; i = links_[i]) symbols_[left++] = symbols_[i];
    return left;
  }

 private:
  static constexpr std::uint32_t kNone = MergeTable::kNone;

  std::uint32_t before(std::uint32_t span) const { return links_[span - 1] < span ? links_[span - 1] : span - 1; }
  void rank(std::uint32_t i) {
    if (links_[i] == count_) {
      ranks_[i] = kNone;
      return;
    }
    const MergeTable::Entry& entry = merges_.find(symbols_[i], symbols_[links_[i]]);
    ranks_[i] = entry.rank;
    results_[i] = entry.result;
  }
  std::uint64_t candidate(std::uint32_t i) const { return static_cast<std::uint64_t>(ranks_[i]) << 32 | i; }
  void offer(std::uint32_t i) {
    rank(i);
    if (ranks_[i] == kNone) return;
    if (heap_.size() == heap_.capacity()) return collect();  // dropped ones have piled up
    heap_.push_back(candidate(i));
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }
  // All pairs that are there now, and room for half as many more as there are symbols.
  void collect() {
    heap_.clear();
    heap_.reserve(std::size_t{count_} + count_ / 2);
    for (std::uint32_t i = 0; i < count_; i = links_[i]) {
      if (ranks_[i] != kNone) heap_.push_back(candidate(i));
    }
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  }

  const MergeTable& merges_;
  TokenId* symbols_;
  std::uint32_t count_;
  std::vector<std::uint32_t> links_;  // of a span's begin: its end; of the last in a span of several: its begin
  std::vector<std::uint32_t> ranks_;  // of a span's begin: of its pair with the next; kNone elsewhere
  std::vector<TokenId> results_;      // likewise: what the pair becomes
  std::vector<std::uint64_t> heap_;   // rank and begin, so that the lowest rank comes first, of equals the leftmost
};

void merge_long(const MergeTable& merges, TokenId* symbols, std::size_t count, std::vector<TokenId>& out) {
  if (count >= MergeTable::kNone) fail("a word of {} symbols is too long for BPE: at most {}", count, MergeTable::kNone - 1);
  const std::size_t left = [&] {
    LongWord word(merges, symbols, count);
    word.merge();
    return word.gather();
  }();
  out.insert(out.end(), symbols, symbols + left);
}

}  // namespace

void merge_symbols(const MergeTable& merges, TokenId* symbols, std::size_t count, std::vector<TokenId>& out) {
  if (count > kShort)
    merge_long(merges, symbols, count, out);
  else
    merge_short(merges, symbols, count, out);
}

void Bpe::encode_word(std::string_view word, std::vector<TokenId>& out) const {
  TokenId small[kShort];
  std::vector<TokenId> large;
  if (word.size() > kShort) large.resize(word.size());
  TokenId* symbols = word.size() > kShort ? large.data() : small;
  std::size_t count = 0;
  bool after_unknown = false;
  for (const char c : word) {
    const TokenId id = byte_ids[static_cast<std::uint8_t>(c)];
    if (id >= 0) {
      symbols[count++] = id;
    } else if (unknown >= 0 && !(fuse_unknown && after_unknown)) {
      symbols[count++] = unknown;
    }
    after_unknown = id < 0;
  }
  merge_symbols(merges, symbols, count, out);
}

}  // namespace cairn::text
