// Counting repeats inside one text: of parts (lines, paragraphs) and of runs of words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace cairn::data {

struct DuplicateCount {
  std::size_t parts = 0;       // repeats: the second, third ... occurrence of a part
  std::size_t characters = 0;  // of the repeats
};
DuplicateCount count_duplicates(const std::vector<std::string_view>& parts);

// Hashes of the runs of `n` consecutive words of a text, by prefix sums: any run in constant time.
class WordHashes {
 public:
  explicit WordHashes(std::span<const std::string_view> words);
  std::size_t words() const { return words_.size() - 1; }

  // Of words joined by spaces; `power` is power_of(n).
  std::uint64_t spaced(std::size_t begin, std::size_t n, std::uint64_t power) const {
    return mixed(words_[begin + n] - words_[begin] * power);
  }
  static std::uint64_t power_of(std::size_t n);
  // Of words run together: "ab" "c" equals "a" "bc".
  std::uint64_t joined(std::size_t begin, std::size_t n) const {
    return mixed((bytes_[begin + n].sum - bytes_[begin].sum) * bytes_[begin].inverse_power);
  }

 private:
  struct Bytes {  // of all bytes before a word: a polynomial modulo 2^64, and what moves it to the beginning
    std::uint64_t sum = 0, inverse_power = 1;
  };
  static std::uint64_t mixed(std::uint64_t hash) { return hash ^ (hash >> 29); }

  std::vector<std::uint64_t> words_;
  std::vector<Bytes> bytes_;
};

// Which runs of words were seen before: places by hash. `hash_of` gives a place's hash again; a slot keeps half of it.
class SeenRuns {
 public:
  void reset(std::size_t expected);

  // The place where `hash` was first added, `place` when that is now.
  template <typename HashOf>
  std::uint32_t first(std::uint64_t hash, std::uint32_t place, HashOf&& hash_of) {
    const std::uint64_t half = hash & 0xFFFFFFFF00000000u;
    for (std::uint64_t at = hash & mask_;; at = (at + 1) & mask_) {
      const std::uint64_t slot = slots_[at];
      if (slot == 0) {
        slots_[at] = half | (place + 1);
        return place;
      }
      if ((slot & 0xFFFFFFFF00000000u) != half) continue;
      const auto found = static_cast<std::uint32_t>(slot) - 1;
      if (hash_of(found) == hash) return found;
    }
  }

 private:
  std::vector<std::uint64_t> slots_;  // upper half of the hash, place + 1; 0: empty
  std::uint64_t mask_ = 0;
};

}  // namespace cairn::data
