// The tables of the rotary embedding, and the ways to stretch its frequencies over longer texts than a model was trained on.
#pragma once

#include <cstdint>

#include "kernels/tensor.h"

namespace cairn {

// Of the frequencies f_i = theta^(-2i/E), i < E/2, with wavelengths w = 2 pi / f and s = `factor`:
//   plain   as they are
//   linear  f/s                                                            (position interpolation, Chen et al. 2023)
//   llama3  f where w < original/high_freq, f/s where w > original/low_freq, between them a mean (spec/apertus.md §1.3)
//   yarn    f for pairs that turn beta_fast times and more over the original positions, f/s for those that turn less than
//           beta_slow times, a ramp over the pairs between; cos and sin are multiplied by `magnitude`      (Peng et al. 2023)
enum class RopeVariant : std::uint8_t { plain, linear, llama3, yarn };

struct RopeScaling {
  RopeVariant variant = RopeVariant::plain;
  double factor = 1;  // s
  double original_positions = 8192;
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  double beta_fast = 32, beta_slow = 1;              // yarn
  bool whole_pairs = true;                           // yarn: the ramp begins and ends at whole pairs ("truncate")
  double magnitude = 1;                              // yarn: ordinarily yarn_magnitude(factor) ("attention_factor")
  bool operator==(const RopeScaling&) const = default;
};

double yarn_magnitude(double factor);  // 0.1 ln(factor) + 1

// cos, sin [positions, E/2], f32 or f64: the table for position p and pair i holds cos and sin of p * frequency(i). Angles are
// formed in the tables' type, as the reference does for float32. Error on values that are not positive or contradict each other.
void rope_table(Tensor cos, Tensor sin, double theta, const RopeScaling& scaling);

}  // namespace cairn
