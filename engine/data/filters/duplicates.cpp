#include "engine/data/filters/duplicates.h"

#include <algorithm>
#include <bit>
#include <unordered_set>

#include "engine/data/characters.h"

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

}  // namespace

DuplicateCount count_duplicates(const std::vector<std::string_view>& parts) {
  std::unordered_set<std::string_view> seen;
  seen.reserve(parts.size());
  DuplicateCount count;
  for (const std::string_view part : parts) {
    if (seen.insert(part).second) continue;
    ++count.parts;
    count.characters += count_characters(part);
  }
  return count;
}

void HashCounts::reset(std::size_t expected) {
  const std::size_t size = std::bit_ceil(std::max<std::size_t>(16, 2 * expected));
  if (slots_.size() < size) slots_.resize(size);
  std::fill_n(slots_.begin(), size, Slot{});
  mask_ = size - 1;
}

std::uint32_t HashCounts::add(std::uint64_t hash, std::uint32_t position, std::uint32_t& first) {
  for (std::uint64_t at = hash & mask_;; at = (at + 1) & mask_) {
    Slot& slot = slots_[at];
    if (slot.count == 0)
      slot = {hash, 0, position};
    else if (slot.hash != hash)
      continue;
    first = slot.first;
    return ++slot.count;
  }
}

RunHashes::RunHashes(const std::vector<std::string_view>& words, bool separator) {
  sums_.reserve(words.size() + 1);
  inverse_powers_.reserve(words.size() + 1);
  std::uint64_t sum = 0, power = 1, inverse_power = 1;
  sums_.push_back(0);
  inverse_powers_.push_back(1);
  for (const std::string_view word : words) {
    const auto take = [&](unsigned char c) {
      sum += (c + 1) * power;
      power *= kBase;
      inverse_power *= kInverse;
    };
    for (const char c : word) take(static_cast<unsigned char>(c));
    if (separator) take(' ');
    sums_.push_back(sum);
    inverse_powers_.push_back(inverse_power);
  }
}

}  // namespace cairn::data
