#include "engine/train/interleave.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace cairn::train {

namespace {

__extension__ using int128 = __int128;

// One node: `part` of `whole` samples go one way. The line begins `offset` of `whole` above 0.
struct Line {
  std::int64_t part, whole, offset;

  // How many of the first g go this way.
  std::int64_t count(std::int64_t g) const { return static_cast<std::int64_t>((static_cast<int128>(g) * part + offset) / whole); }
  // The place of the one with this rank: the last g with count(g) == rank.
  std::int64_t place(std::int64_t rank) const {
    const int128 least = static_cast<int128>(rank + 1) * whole - offset;  // of (g + 1) * part
    return static_cast<std::int64_t>((least + part - 1) / part) - 1;
  }
};

Line left_of(std::int64_t left, std::int64_t whole) {
  return {left, whole, whole / 2};
}

// The rest of g - left.count(g), as a line of its own.
Line right_of(std::int64_t left, std::int64_t whole) {
  return {whole - left, whole, whole - 1 - whole / 2};
}

}  // namespace

Interleave::Interleave(std::vector<std::int64_t> counts) : before_(1) {
  for (const std::int64_t count : counts) {
    if (count < 0 || count > (std::int64_t{1} << 62) - before_.back()) fail("a stage of {} samples of one input", count);
    before_.push_back(before_.back() + count);
  }
  if (before_.back() == 0) fail("a stage without samples");
}

std::int64_t Interleave::count(std::int64_t input) const {
  const auto d = static_cast<std::size_t>(input);
  return before_[d + 1] - before_[d];
}

Interleave::Turn Interleave::at(std::int64_t position) const {
  if (position < 0 || position >= samples()) fail("position {} is outside of the {} samples of a stage", position, samples());
  std::size_t low = 0, high = before_.size() - 1;
  while (high - low > 1) {
    const std::size_t middle = (low + high) / 2;
    const std::int64_t left = before_[middle] - before_[low], whole = before_[high] - before_[low];
    const Line line = left_of(left, whole);
    const std::int64_t count = line.count(position);
    if (line.count(position + 1) > count) {
      position = count;
      high = middle;
    } else {
      position -= count;
      low = middle;
    }
  }
  return {static_cast<std::int64_t>(low), position};
}

std::int64_t Interleave::position_of(Turn turn) const {
  const auto input = static_cast<std::size_t>(turn.input);
  if (turn.input < 0 || input + 1 >= before_.size() || turn.rank < 0 || turn.rank >= count(turn.input)) {
    fail("input {} of a stage has no sample {}", turn.input, turn.rank);
  }
  std::vector<Line> way;  // from the root down
  std::size_t low = 0, high = before_.size() - 1;
  while (high - low > 1) {
    const std::size_t middle = (low + high) / 2;
    const std::int64_t left = before_[middle] - before_[low], whole = before_[high] - before_[low];
    way.push_back(input < middle ? left_of(left, whole) : right_of(left, whole));
    (input < middle ? high : low) = middle;
  }
  std::int64_t position = turn.rank;
  for (auto line = way.rbegin(); line != way.rend(); ++line) position = line->place(position);
  return position;
}

std::vector<std::int64_t> apportion(std::int64_t samples, const std::vector<double>& weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<std::int64_t> counts;
  std::vector<double> remainders;
  std::int64_t left = samples;
  for (const double weight : weights) {
    const double share = static_cast<double>(samples) * (weight / sum);
    counts.push_back(std::min(static_cast<std::int64_t>(share), left));
    remainders.push_back(weight > 0 ? share - static_cast<double>(counts.back()) : -1.0);
    left -= counts.back();
  }
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return remainders[a] > remainders[b]; });
  for (std::size_t i = 0; left > 0; i = (i + 1) % order.size()) {
    if (weights[order[i]] > 0) ++counts[order[i]], --left;
  }
  return counts;
}

}  // namespace cairn::train
