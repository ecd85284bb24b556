// Python's random.Random for integer seeds: few-shot examples must be drawn as lm-evaluation-harness draws them
// (spec/evaluation.md §2.3).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace cairn::eval {

class PythonRandom {
 public:
  explicit PythonRandom(std::uint64_t seed);  // MT19937 by init_by_array

  std::uint32_t bits32();
  std::int64_t below(std::int64_t n);                                // randbelow: n >= 1
  double uniform();                                                  // random(): 53 bits
  std::vector<std::int64_t> sample(std::int64_t n, std::int64_t k);  // indices; 0 <= k <= n

 private:
  void refill();
  std::array<std::uint32_t, 624> state_{};
  std::size_t next_ = 624;
};

}  // namespace cairn::eval
