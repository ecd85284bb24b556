// The order in which samples are read: a keyed permutation of single samples, invertible by arithmetic
// (docs/format/permutation.md).
//
// position -> sample answers "what does step k read"; sample -> position answers "when was this document read". Neither needs a
// table, so both cost the same for 10^3 and for 10^10 samples, and a resumed run needs one number to go on.
#pragma once

#include <cstdint>

namespace cairn::train {

// A permutation of [0, samples) for each epoch: a balanced Feistel network over the smallest even number of bits that holds
// `samples`, eight rounds of Philox-4x32-10, walked until the value falls below `samples` (cycle walking; Black & Rogaway 2002).
class SampleOrder {
 public:
  // Error unless 1 <= samples <= 2^62.
  SampleOrder(std::uint64_t seed, std::int64_t samples);

  std::int64_t samples() const { return samples_; }

  // The sample read at `position` >= 0 of the run; positions [e*samples, (e+1)*samples) are epoch e.
  std::int64_t sample_at(std::int64_t position) const;
  // The position, in `epoch`, at which `sample` in [0, samples) is read.
  std::int64_t position_of(std::int64_t sample, std::int64_t epoch) const;

  // The same by the place inside of an epoch, 0 <= place < samples; here `epoch` is any number that names a permutation.
  std::int64_t sample_in(std::uint64_t epoch, std::int64_t place) const;
  std::int64_t place_in(std::uint64_t epoch, std::int64_t sample) const;

 private:
  std::uint64_t round_value(std::uint64_t half, int round, std::uint64_t epoch) const;
  std::uint64_t forward(std::uint64_t value, std::uint64_t epoch) const;
  std::uint64_t backward(std::uint64_t value, std::uint64_t epoch) const;

  std::uint64_t seed_;
  std::int64_t samples_;
  int half_bits_;
  std::uint64_t half_mask_;
};

}  // namespace cairn::train
