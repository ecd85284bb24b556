// Counting repeats inside one text: of parts (lines, paragraphs) and of runs of words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace cairn::data {

struct DuplicateCount {
  std::size_t parts = 0;       // repeats: the second, third ... occurrence of a part
  std::size_t characters = 0;  // of the repeats
};
DuplicateCount count_duplicates(const std::vector<std::string_view>& parts);

// A set of 64-bit hashes that counts; cleared and grown without giving memory back.
class HashCounts {
 public:
  void reset(std::size_t expected);
  // How often `hash` has been added, this time included. `first` gets the position given when it was added first.
  std::uint32_t add(std::uint64_t hash, std::uint32_t position, std::uint32_t& first);

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t count = 0;
    std::uint32_t first = 0;
  };
  std::vector<Slot> slots_;
  std::uint64_t mask_ = 0;
};

// Hashes of any run of consecutive words in constant time: a polynomial over bytes modulo 2^64 whose prefix sums are kept.
// Without `separator` runs are compared as words run together ("ab" "c" equals "a" "bc"), with it as words joined by spaces.
class RunHashes {
 public:
  RunHashes(const std::vector<std::string_view>& words, bool separator);
  std::uint64_t of(std::size_t begin, std::size_t end) const {  // words [begin, end)
    const std::uint64_t hash = (sums_[end] - sums_[begin]) * inverse_powers_[begin];
    return hash ^ (hash >> 29);
  }

 private:
  std::vector<std::uint64_t> sums_, inverse_powers_;
};

}  // namespace cairn::data
