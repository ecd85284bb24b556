// Words and their ids as BPE gave them: a direct-mapped table that one thread keeps for one tokenizer. It changes how fast
// encoding is, never what it gives.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "engine/text/model.h"

namespace cairn::text {

class WordCache {
 public:
  static constexpr std::size_t kMaxBytes = 24, kMaxIds = 9;

  // One cache line. The word is kept whole, in the form of `Key`.
  struct alignas(64) Entry {
    std::uint64_t a = 0, b = 0, c = 0;
    std::uint8_t bytes = 0, count = 0;
    std::array<TokenId, kMaxIds> ids{};
  };

  // The table of this thread, emptied when it last served another tokenizer.
  static WordCache& of(std::uint64_t tokenizer) {
    static thread_local WordCache cache;
    if (cache.tokenizer_ != tokenizer) {
      cache.entries_.assign(std::size_t{1} << kBits, Entry{});
      cache.tokenizer_ = tokenizer;
    }
    return cache;
  }

  // The slot of `word`, 1 to kMaxBytes bytes; `hit` tells whether it holds the word. After a miss the caller may fill it: key,
  // count, ids.
  Entry& slot(std::string_view word, bool& hit) {
    Entry key;
    const char* p = word.data();
    const std::size_t n = word.size();
    if (n >= 16) {
      key.a = load<std::uint64_t>(p), key.b = load<std::uint64_t>(p + 8), key.c = load<std::uint64_t>(p + n - 8);
    } else if (n >= 8) {
      key.a = load<std::uint64_t>(p), key.b = load<std::uint64_t>(p + n - 8);
    } else if (n >= 4) {
      key.a = load<std::uint32_t>(p) | static_cast<std::uint64_t>(load<std::uint32_t>(p + n - 4)) << 32;
    } else {
      const auto byte = [p](std::size_t i) { return static_cast<std::uint64_t>(static_cast<std::uint8_t>(p[i])); };
      key.a = byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16;
    }
    std::uint64_t hash = key.a * 0x9E3779B97F4A7C15u + key.b * 0xC2B2AE3D27D4EB4Fu + key.c * 0x165667B19E3779F9u + n;
    hash = (hash ^ hash >> 29) * 0xBF58476D1CE4E5B9u;
    Entry& entry = entries_[hash >> (64 - kBits)];
    hit = entry.a == key.a && entry.b == key.b && entry.c == key.c && entry.bytes == n;
    if (!hit) entry.a = key.a, entry.b = key.b, entry.c = key.c, entry.bytes = 0, pending_ = static_cast<std::uint8_t>(n);
    return entry;
  }
  void fill(Entry& entry, const TokenId* ids, std::size_t count) {
    entry.bytes = pending_;
    entry.count = static_cast<std::uint8_t>(count);
    std::copy(ids, ids + count, entry.ids.begin());
  }

 private:
  static constexpr int kBits = 15;  // 2 MB

  template <typename T>
  static T load(const char* p) {
    T value;
    std::memcpy(&value, p, sizeof value);
    return value;
  }

  std::vector<Entry> entries_;
  std::uint64_t tokenizer_ = 0;  // serial number; 0 is no tokenizer
  std::uint8_t pending_ = 0;
};

}  // namespace cairn::text
