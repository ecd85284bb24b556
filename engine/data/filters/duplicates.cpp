#include "engine/data/filters/duplicates.h"

#include <algorithm>
#include <array>
#include <bit>

#include "engine/data/characters.h"
#include "engine/data/xxhash64.h"

namespace cairn::data {

namespace {

constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15u;  // odd, so it has an inverse modulo 2^64

constexpr std::uint64_t inverse_of(std::uint64_t odd) {
  std::uint64_t inverse = odd;  // right in 3 bits; each step doubles them (Newton)
  for (int i = 0; i < 5; ++i) inverse *= 2 - odd * inverse;
  return inverse;
}
constexpr std::uint64_t kInverse = inverse_of(kBase);
static_assert(kBase * kInverse == 1);
constexpr std::uint64_t kWordBase = 0xD1B54A32D192ED03u;

constexpr std::size_t kPowers = 64;  // of kBase and kInverse, for words of fewer bytes
struct Powers {
  std::uint64_t base = 1, inverse = 1;
};
constexpr std::array<Powers, kPowers> kPowersOf = [] {
  std::array<Powers, kPowers> powers{};
  for (std::size_t i = 1; i < kPowers; ++i) powers[i] = {powers[i - 1].base * kBase, powers[i - 1].inverse * kInverse};
  return powers;
}();
Powers powers_of(std::size_t n) {
  if (n < kPowers) return kPowersOf[n];
  Powers powers;
  for (; n >= kPowers; n -= kPowers - 1) {
    powers.base *= kPowersOf[kPowers - 1].base;
    powers.inverse *= kPowersOf[kPowers - 1].inverse;
  }
  return {powers.base * kPowersOf[n].base, powers.inverse * kPowersOf[n].inverse};
}

}  // namespace

DuplicateCount count_duplicates(const std::vector<std::string_view>& parts) {
  std::vector<std::uint64_t> hashes(parts.size());
  std::vector<std::uint32_t> slots(std::bit_ceil(2 * parts.size() + 2), 0);  // index + 1
  const std::size_t mask = slots.size() - 1;
  DuplicateCount count;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    hashes[i] = xxhash64(parts[i]);
    for (std::size_t at = hashes[i] & mask;; at = (at + 1) & mask) {
      if (slots[at] == 0) {
        slots[at] = static_cast<std::uint32_t>(i + 1);
        break;
      }
      const std::size_t other = slots[at] - 1;
      if (hashes[other] != hashes[i] || parts[other] != parts[i]) continue;
      ++count.parts;
      count.characters += count_characters(parts[i]);
      break;
    }
  }
  return count;
}

WordHashes::WordHashes(std::span<const std::string_view> words) {
  words_.reserve(words.size() + 1);
  bytes_.reserve(words.size() + 1);
  std::uint64_t word_sum = 0, sum = 0, power = 1, inverse_power = 1;
  words_.push_back(0);
  bytes_.push_back({0, 1});
  for (const std::string_view word : words) {
    // The polynomials of single words do not wait for one another; only their sum does.
    std::uint64_t value = 0;
    for (std::size_t i = word.size(); i-- > 0;) value = value * kBase + static_cast<unsigned char>(word[i]) + 1;
    const Powers length = powers_of(word.size());
    sum += value * power;
    power *= length.base;
    inverse_power *= length.inverse;
    bytes_.push_back({sum, inverse_power});
    std::uint64_t hash = value * 0xFF51AFD7ED558CCDu + word.size();
    hash = (hash ^ (hash >> 32)) * 0xC4CEB9FE1A85EC53u;
    word_sum = word_sum * kWordBase + (hash ^ (hash >> 29));
    words_.push_back(word_sum);
  }
}

std::uint64_t WordHashes::power_of(std::size_t n) {
  std::uint64_t power = 1;
  for (; n > 0; --n) power *= kWordBase;
  return power;
}

void SeenRuns::reset(std::size_t expected) {
  const std::size_t size = std::bit_ceil(std::max<std::size_t>(16, 2 * expected));
  if (slots_.size() < size) slots_.resize(size);
  std::fill_n(slots_.begin(), size, 0);
  mask_ = size - 1;
}

}  // namespace cairn::data
