#include "kernels/staging.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "kernels/copy_lanes.h"

namespace cairn {

namespace {

using Lane = CopyLanes::Lane;
constexpr std::int64_t kAlignment = 64;

}  // namespace

Staging::Staging(Memory* memory, std::int64_t slot_bytes) {
  if (memory == nullptr || slot_bytes == 0) return;
  if (copy_lanes(memory) == nullptr) fail("nothing can be staged on {}: it has no lanes for copies", memory->name());
  memory_ = memory;
  slot_bytes_ = (slot_bytes + kAlignment - 1) / kAlignment * kAlignment;
  ArenaPlan plan;
  plan.add("staging", Dtype::i8, {2 * slot_bytes_});
  arena_ = Arena(plan, memory);
}

Staging::Part Staging::copied_in(std::vector<StagedTensor> tensors, std::size_t slot) const {
  Part part{std::move(tensors), {}};
  std::int64_t at = 0;
  for (const StagedTensor& each : part.tensors) {
    Tensor there = each.tensor;
    if (staged(there)) {
      if (at + there.bytes() > slot_bytes_) fail("{} has no room in a slot of {} bytes", there.describe(), slot_bytes_);
      there.data = arena_.bytes().as<char>() + static_cast<std::int64_t>(slot) * slot_bytes_ + at;
      there.memory = memory_;
      at += (there.bytes() + kAlignment - 1) / kAlignment * kAlignment;
      copy_lanes(memory_)->copy_in(there.data, each.tensor.data, static_cast<std::size_t>(there.bytes()));
    }
    part.there.push_back(there);
  }
  return part;
}

void Staging::run(std::size_t count, const std::function<std::vector<StagedTensor>(std::size_t)>& tensors_of,
                  const std::function<void(std::size_t, std::span<const Tensor>)>& work) {
  if (count == 0) return;
  if (memory_ == nullptr) {
    for (std::size_t i = 0; i < count; ++i) work(i, copied_in(tensors_of(i), 0).there);
    return;
  }
  CopyLanes& lanes = *copy_lanes(memory_);
  lanes.order(Lane::work, Lane::in);
  Part next = copied_in(tensors_of(0), 0);
  for (std::size_t i = 0; i < count; ++i) {
    const Part part = std::move(next);
    lanes.order(Lane::in, Lane::work);
    work(i, part.there);
    if (i + 1 < count) {
      lanes.order(Lane::out, Lane::in);  // the part before this one has left the slot
      next = copied_in(tensors_of(i + 1), (i + 1) % 2);
    }
    lanes.order(Lane::work, Lane::out);
    for (std::size_t k = 0; k < part.tensors.size(); ++k) {
      const Tensor& host = part.tensors[k].tensor;
      if (part.tensors[k].written && staged(host))
        lanes.copy_out(host.data, part.there[k].data, static_cast<std::size_t>(host.bytes()));
    }
  }
  lanes.order(Lane::out, Lane::work);
  lanes.wait(Lane::out);
}

std::vector<TensorPart> parts_of(std::span<const std::int64_t> sizes, std::int64_t longest) {
  std::vector<TensorPart> parts;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    for (std::int64_t begin = 0; begin < sizes[i]; begin += longest)
      parts.push_back({i, begin, std::min(begin + longest, sizes[i])});
  }
  return parts;
}

}  // namespace cairn
