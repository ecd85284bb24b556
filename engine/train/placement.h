// Where each thing of a training lies: on the device that computes, or beside it on the host, from where it comes and goes behind
// the work (kernels/copy_lanes.h). The bits are the same wherever it is. Nothing else decides this.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/arena.h"

namespace cairn::train {

// What lies on the host.
struct Offload {
  bool moments = false;    // of the optimizer: in and out once a step
  bool masters = false;    // float32 weights where a bfloat16 copy computes, and their average: likewise
  bool residuals = false;  // inputs of blocks, kept for the backward: out behind the forward, in ahead of the backward

  bool any() const { return moments || masters || residuals; }
  bool operator==(const Offload&) const = default;

  // Bytes on the device that the update of `elements` weights with so many moments needs for what lies on the host, and that the
  // copy and the average of masters need. Two parts are there at a time.
  std::int64_t staged_bytes(std::int64_t elements, std::int64_t master_bytes, std::int64_t moments_of_one,
                            std::int64_t moment_bytes) const;
  std::int64_t staged_masters_bytes(std::int64_t elements) const;
};
// "none", or parts joined by "+": moments, masters, residuals; "all". Error (usage) naming the known ones.
Offload parse_offload(const std::string& text);
std::string offload_text(const Offload& offload);
inline constexpr const char* kOffloadHelp = "none, or moments, masters, residuals joined by +, or all";

inline constexpr std::int64_t kStagedElements = std::int64_t{1} << 22;  // that an update takes at a time

class Placement {
 public:
  // For what computes in `memory` (null: on the host). Error (usage) when something is to lie beside what has no lanes.
  explicit Placement(Memory* memory, const Offload& offload = {});

  Place compute() const { return memory_; }  // gradients, weights that compute, activations, scratch
  Place masters() const { return {memory_, offload_.masters}; }
  Place moments() const { return {memory_, offload_.moments}; }
  bool residuals_beside() const { return offload_.residuals; }
  const Offload& offload() const { return offload_; }

 private:
  Memory* memory_;
  Offload offload_;
};

}  // namespace cairn::train
