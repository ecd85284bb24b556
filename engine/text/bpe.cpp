#include "engine/text/bpe.h"

#include <algorithm>
#include <bit>
#include <queue>

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

void merge_long(const MergeTable& merges, std::vector<TokenId> symbols, std::vector<TokenId>& out) {
  // A doubly linked list over positions; candidates wait in a heap and are dropped when their pair has changed since.
  // All of it takes 44 to 60 bytes for each byte of a long word.
  if (symbols.size() >= 0xFFFFFFFFu) fail("a word of {} bytes is too long", symbols.size());
  const auto count = static_cast<std::uint32_t>(symbols.size());
  std::vector<std::uint32_t> next(count), previous(count);
  struct Candidate {
    std::uint32_t rank, at;
    TokenId left, right;
    bool operator>(const Candidate& other) const { return rank != other.rank ? rank > other.rank : at > other.at; }
  };
  std::vector<Candidate> room;
  room.reserve(count);
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap(std::greater<>(), std::move(room));
  const auto offer = [&](std::uint32_t i) {
    if (next[i] == count) return;
    const TokenId left = symbols[i], right = symbols[next[i]];
    const MergeTable::Entry& entry = merges.find(left, right);
    if (entry.rank != MergeTable::kNone) heap.push({entry.rank, i, left, right});
  };
  for (std::uint32_t i = 0; i < count; ++i) next[i] = i + 1, previous[i] = i - 1;
  for (std::uint32_t i = 0; i < count; ++i) offer(i);
  constexpr TokenId kGone = -2;
  while (!heap.empty()) {
    const Candidate candidate = heap.top();
    heap.pop();
    const std::uint32_t i = candidate.at;
    if (symbols[i] != candidate.left || next[i] == count || symbols[next[i]] != candidate.right) continue;
    const std::uint32_t removed = next[i];
    symbols[i] = merges.find(candidate.left, candidate.right).result;
    symbols[removed] = kGone;
    next[i] = next[removed];
    if (next[i] < count) previous[next[i]] = i;
    offer(i);
    if (i > 0) offer(previous[i]);
  }
  for (std::uint32_t i = 0; i < count; i = next[i]) out.push_back(symbols[i]);
}

}  // namespace

void merge_symbols(const MergeTable& merges, TokenId* symbols, std::size_t count, std::vector<TokenId>& out) {
  if (count > kShort)
    merge_long(merges, {symbols, symbols + count}, out);
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
