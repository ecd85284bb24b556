// The k-th smallest of many numbers, exactly, in bounded memory, from two passes over them.
//
// The first pass counts how many numbers have each upper half (16 bits of their order-preserving form), the second how many of
// those that share the wanted one have each lower half: at most 2 * 65536 counts, however many numbers. Counts only add, so the
// order of the numbers, threads and ranks make no difference; counts of parts merge by addition.
#pragma once

#include <cstdint>
#include <map>

#include "base/json_fwd.h"

namespace cairn::data {

class OrderStatistic {
 public:
  void see(float value);                    // first pass; not NaN
  void merge(const OrderStatistic& other);  // of the same pass, and aimed at the same rank
  std::uint64_t count() const { return count_; }

  void aim(std::uint64_t rank);  // between the passes: 0 is the smallest, count() - 1 the largest
  void see_again(float value);   // second pass: the same numbers in any order
  float value() const;           // after it

  // The counts of the pass, for those who count other parts: add_state() takes the place of merge(), after forget().
  Json state() const;
  void add_state(const Json& state);
  void forget();

 private:
  std::map<std::uint16_t, std::uint64_t> upper_, lower_;
  std::uint64_t count_ = 0, rank_ = 0;  // rank among those of the wanted upper half, once aimed
  std::uint16_t wanted_ = 0;
  bool aimed_ = false;
};

}  // namespace cairn::data
