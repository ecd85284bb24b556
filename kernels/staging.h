// Operations on tensors that lie on the host beside a device: part by part they pass through two slots on the device, copied in
// while the part before is worked on, and back while the next one is.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "kernels/arena.h"
#include "kernels/tensor.h"

namespace cairn {

// Contiguous. Where the device computes, or on the host, in an arena beside that device (Place).
struct StagedTensor {
  Tensor tensor;
  bool written = false;  // by the work: what lies on the host is copied back
};

class Staging {
 public:
  // `slot_bytes`: what parts take at most, each tensor rounded up to 64 bytes. Null `memory` or 0 bytes: nothing is ever staged.
  explicit Staging(Memory* memory = nullptr, std::int64_t slot_bytes = 0);

  // For i in [0, count), in this order: work(i, tensors) with the tensors of tensors_of(i), those of the host by their copies on
  // the device. Returns when the host has all results. Error when a part is larger than a slot.
  void run(std::size_t count, const std::function<std::vector<StagedTensor>(std::size_t)>& tensors_of,
           const std::function<void(std::size_t, std::span<const Tensor>)>& work);

  std::int64_t bytes() const { return arena_.plan().bytes(); }

 private:
  struct Part {
    std::vector<StagedTensor> tensors;
    std::vector<Tensor> there;
  };
  bool staged(const Tensor& tensor) const { return memory_ != nullptr && tensor.on_host() && !tensor.empty(); }
  Part copied_in(std::vector<StagedTensor> tensors, std::size_t slot) const;

  Memory* memory_ = nullptr;
  std::int64_t slot_bytes_ = 0;
  Arena arena_;
};

// Elements [begin, end) of tensor number `index`.
struct TensorPart {
  std::size_t index;
  std::int64_t begin, end;
};
// Tensors of these sizes, cut into parts of at most `longest` elements.
std::vector<TensorPart> parts_of(std::span<const std::int64_t> sizes, std::int64_t longest);

}  // namespace cairn
