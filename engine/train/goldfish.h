// The Goldfish loss mask: some labels take no part in the loss, chosen by a hash of the last `h` labels, so that a passage is
// never learnt whole (Hans et al. 2024; the hash-table strategy of the Apertus fork, spec/apertus.md §3.5).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace cairn::train {

struct GoldfishParams {
  std::int64_t k = 50;  // about one label in k is dropped
  std::int64_t h = 50;  // labels in the hashed window, which ends with (and includes) the label itself
};

class Goldfish {
 public:
  static constexpr std::int64_t kTableSize = 1'000'003;
  static constexpr std::uint32_t kTableSeed = 2'971'215'073;

  // Fills the table with MT19937 (12 MB of time: about 10 ms). Error unless k >= 1 and h >= 1.
  explicit Goldfish(const GoldfishParams& params);

  // Whether the window, whose last entry is the label itself, drops its label. window.size() == h.
  bool drops(std::span<const std::int32_t> window) const;
  // Sets weights[i] to 0 where label i is dropped and leaves the rest alone; the first h-1 labels of a sample are never dropped.
  // `pad` labels count as 0 in the hash; a negative `pad` means that there are none.
  void mask(std::span<const std::int32_t> labels, std::int32_t pad, std::span<float> weights) const;

  // Entries are 24-bit integers; the value of entry i is table()[i] / 2^24.
  const std::vector<std::uint32_t>& table() const { return table_; }

 private:
  bool drops_key(std::uint64_t key) const;

  GoldfishParams params_;
  std::vector<std::uint32_t> table_;
};

}  // namespace cairn::train
