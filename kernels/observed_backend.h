// A backend whose operations are watched: what measures them (tests/bench) and what looks for the first bad value in them
// (engine/train/nan_trace.h) stand beside the operations, not inside.
#pragma once

#include <array>
#include <span>
#include <string>

#include "kernels/backend.h"

namespace cairn {

// One call of an operation: what of its arguments are tensors and transposes, in order. Outputs come first (ops.h).
struct OperationCall {
  const char* name = "";  // of the table's entry: "matmul"
  std::array<Tensor, 12> tensors{};
  int count = 0;
  std::array<Transpose, 2> transposes{};
  bool accumulate = false;

  std::span<const Tensor> operands() const { return std::span(tensors).first(static_cast<std::size_t>(count)); }
};

// Called around each operation, in the thread that runs the model.
class OperationObserver {
 public:
  virtual ~OperationObserver() = default;
  virtual void begin(const OperationCall&) {}
  virtual void end(const OperationCall&) {}
};

struct ObservedBackend : Backend {
  const Backend* inner = nullptr;
  OperationObserver* observer = nullptr;
};

// A table of the same operations; both arguments must outlive it. Operations that `inner` leaves out stay out.
ObservedBackend observe(const Backend& inner, OperationObserver& observer);

}  // namespace cairn
