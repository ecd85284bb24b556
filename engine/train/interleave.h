// Which data input each sample of a stage comes from: exact counts, spread as evenly as can be, by arithmetic.
//
// The inputs are the leaves of a binary tree. A node whose halves have L and R samples sends its first g to the left
// floor((g L + floor((L + R) / 2)) / (L + R)) times and to the right for the rest, as a line is drawn on a raster (Bresenham
// 1965). So after any g samples an input has had its share of them, up to half a sample for each level of the tree; the way back,
// from an input's sample to its place among all, is as direct (docs/format/permutation.md).
#pragma once

#include <cstdint>
#include <vector>

namespace cairn::train {

class Interleave {
 public:
  struct Turn {
    std::int64_t input = 0;
    std::int64_t rank = 0;  // how many samples of this input come before
  };

  // Input d has counts[d] >= 0 samples; Error when all are 0, or on more than 2^62 in all.
  explicit Interleave(std::vector<std::int64_t> counts);

  std::int64_t samples() const { return before_.back(); }
  std::int64_t count(std::int64_t input) const;

  Turn at(std::int64_t position) const;  // 0 <= position < samples()
  std::int64_t position_of(Turn turn) const;

 private:
  std::vector<std::int64_t> before_;  // before_[d]: samples of the inputs 0 .. d-1
};

// `samples` samples shared out by weight: each count is within one of its share, and they sum to `samples`. What is left after
// rounding down goes to the largest remainders, the first of equals first. Weights are >= 0, not all 0; a weight of 0 gets 0.
std::vector<std::int64_t> apportion(std::int64_t samples, const std::vector<double>& weights);

}  // namespace cairn::train
