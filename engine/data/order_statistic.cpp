#include "engine/data/order_statistic.h"

#include <bit>

#include "base/json.h"

namespace cairn::data {

namespace {

// Unsigned numbers in the order of the floats.
std::uint32_t ordered(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
float unordered(std::uint32_t key) {
  return std::bit_cast<float>(key & 0x80000000u ? key & 0x7FFFFFFFu : ~key);
}

// Which key the `rank`-th smallest has; `rank` becomes its rank among those of that key.
std::uint16_t key_at(const std::map<std::uint16_t, std::uint64_t>& counts, std::uint64_t& rank) {
  for (const auto& [key, count] : counts) {
    if (rank < count) return key;
    rank -= count;
  }
  return counts.empty() ? std::uint16_t{0} : counts.rbegin()->first;
}

}  // namespace

void OrderStatistic::see(float value) {
  ++upper_[static_cast<std::uint16_t>(ordered(value) >> 16)];
  ++count_;
}

void OrderStatistic::merge(const OrderStatistic& other) {
  for (const auto& [key, count] : other.upper_) upper_[key] += count;
  for (const auto& [key, count] : other.lower_) lower_[key] += count;
  count_ += other.count_;
}

void OrderStatistic::aim(std::uint64_t rank) {
  rank_ = rank;
  aimed_ = true;
  wanted_ = key_at(upper_, rank_);
}

void OrderStatistic::see_again(float value) {
  const std::uint32_t key = ordered(value);
  if (key >> 16 == wanted_) ++lower_[static_cast<std::uint16_t>(key)];
}

float OrderStatistic::value() const {
  std::uint64_t rank = rank_;
  return unordered(std::uint32_t{wanted_} << 16 | key_at(lower_, rank));
}

Json OrderStatistic::state() const {
  Json pairs = Json::array();
  for (const auto& [key, count] : aimed_ ? lower_ : upper_) pairs.push_back({key, count});
  return pairs;
}

void OrderStatistic::add_state(const Json& state) {
  for (const Json& pair : state) {
    (aimed_ ? lower_ : upper_)[pair.at(0).get<std::uint16_t>()] += pair.at(1).get<std::uint64_t>();
    if (!aimed_) count_ += pair.at(1).get<std::uint64_t>();
  }
}

void OrderStatistic::forget() {
  (aimed_ ? lower_ : upper_).clear();
  if (!aimed_) count_ = 0;
}

}  // namespace cairn::data
