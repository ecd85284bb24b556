#include "engine/train/sample_order.h"

#include "base/error.h"
#include "base/random.h"

namespace cairn::train {

namespace {

constexpr int kRounds = 8;
// Sets the order's key apart from other uses of the run's seed; the ASCII letters "samp" and "orde".
constexpr std::uint32_t kKeyLow = 0x706d6173;
constexpr std::uint32_t kKeyHigh = 0x6564726f;

}  // namespace

SampleOrder::SampleOrder(std::uint64_t seed, std::int64_t samples) : seed_(seed), samples_(samples) {
  if (samples < 1 || samples > (std::int64_t{1} << 62)) {
    fail("the order of samples needs between 1 and 2^62 samples, found {}", samples);
  }
  half_bits_ = 1;
  while ((std::uint64_t{1} << (2 * half_bits_)) < static_cast<std::uint64_t>(samples)) ++half_bits_;
  half_mask_ = (std::uint64_t{1} << half_bits_) - 1;
}

std::uint64_t SampleOrder::round_value(std::uint64_t half, int round, std::uint64_t epoch) const {
  const PhiloxCounter counter{static_cast<std::uint32_t>(half), static_cast<std::uint32_t>(round),
                              static_cast<std::uint32_t>(epoch), static_cast<std::uint32_t>(epoch >> 32)};
  const PhiloxKey key{static_cast<std::uint32_t>(seed_) ^ kKeyLow, static_cast<std::uint32_t>(seed_ >> 32) ^ kKeyHigh};
  return philox4x32_10(counter, key)[0] & half_mask_;
}

std::uint64_t SampleOrder::forward(std::uint64_t value, std::uint64_t epoch) const {
  std::uint64_t left = value >> half_bits_, right = value & half_mask_;
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t next = left ^ round_value(right, round, epoch);
    left = right;
    right = next;
  }
  return left << half_bits_ | right;
}

std::uint64_t SampleOrder::backward(std::uint64_t value, std::uint64_t epoch) const {
  std::uint64_t left = value >> half_bits_, right = value & half_mask_;
  for (int round = kRounds - 1; round >= 0; --round) {
    const std::uint64_t previous = right ^ round_value(left, round, epoch);
    right = left;
    left = previous;
  }
  return left << half_bits_ | right;
}

std::int64_t SampleOrder::sample_in(std::uint64_t epoch, std::int64_t place) const {
  if (place < 0 || place >= samples_) fail("place {} is outside of the {} of this order", place, samples_);
  auto value = static_cast<std::uint64_t>(place);
  do value = forward(value, epoch);
  while (value >= static_cast<std::uint64_t>(samples_));
  return static_cast<std::int64_t>(value);
}

std::int64_t SampleOrder::place_in(std::uint64_t epoch, std::int64_t sample) const {
  if (sample < 0 || sample >= samples_) fail("sample {} is outside of the {} samples of this order", sample, samples_);
  auto value = static_cast<std::uint64_t>(sample);
  do value = backward(value, epoch);
  while (value >= static_cast<std::uint64_t>(samples_));
  return static_cast<std::int64_t>(value);
}

std::int64_t SampleOrder::sample_at(std::int64_t position) const {
  if (position < 0) fail("a position in the order of samples is never negative, found {}", position);
  return sample_in(static_cast<std::uint64_t>(position / samples_), position % samples_);
}

std::int64_t SampleOrder::position_of(std::int64_t sample, std::int64_t epoch) const {
  if (epoch < 0) fail("an epoch is never negative, found {}", epoch);
  return epoch * samples_ + place_in(static_cast<std::uint64_t>(epoch), sample);
}

}  // namespace cairn::train
