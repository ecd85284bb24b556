#include "kernels/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/format.h"
#include "kernels/copy_lanes.h"

namespace cairn {
namespace {

constexpr std::int64_t kAlignment = 64;

std::int64_t round_up(std::int64_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

ArenaSlot ArenaPlan::add(std::string name, Dtype dtype, std::initializer_list<std::int64_t> sizes) {
  const Tensor shape(nullptr, dtype, sizes);
  entries_.push_back({std::move(name), shape, next_});
  next_ += round_up(shape.bytes());
  peak_ = std::max(peak_, next_);
  return {static_cast<std::int64_t>(entries_.size()) - 1};
}

void ArenaPlan::release(std::int64_t mark) {
  if (mark < 0 || mark > next_) fail("arena: release to {}, but only {} bytes are planned", mark, next_);
  next_ = mark;
}

std::string ArenaPlan::table() const {
  TextTable table({"tensor", "shape", "bytes", "offset"});
  for (const Entry& entry : entries_) {
    table.add({entry.name, entry.shape.describe(), format_bytes(static_cast<std::uint64_t>(entry.shape.bytes())),
               std::to_string(entry.offset)});
  }
  table.add({"total", "", format_bytes(static_cast<std::uint64_t>(peak_)), ""});
  return table.render();
}

// Anonymous memory arrives zeroed and page-aligned; huge pages spare the address translation of large streams.
Arena::Arena(ArenaPlan plan, Place place) : plan_(std::move(plan)) {
  const std::size_t bytes = static_cast<std::size_t>(std::max<std::int64_t>(plan_.bytes(), kAlignment));
  if (place.beside) {
    CopyLanes* lanes = copy_lanes(place.memory);
    if (lanes == nullptr) fail("{} has no lanes for copies: nothing can lie beside it", place.memory->name());
    block_ = {static_cast<std::byte*>(lanes->take_host(bytes)), Free{bytes, place}};
    return;
  }
  if (place.memory != nullptr) {
    block_ = {static_cast<std::byte*>(place.memory->take(bytes)), Free{bytes, place}};
    return;
  }
  void* block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) fail("{} for tensors could not be allocated: {}", format_bytes(bytes), std::strerror(errno));
#ifdef MADV_HUGEPAGE
  if (bytes >= (std::size_t{4} << 20)) madvise(block, bytes, MADV_HUGEPAGE);  // advice: a refusal changes nothing
#endif
  block_ = {static_cast<std::byte*>(block), Free{bytes, {}}};
}

void Arena::Free::operator()(std::byte* block) const {
  if (place.beside) {
    copy_lanes(place.memory)->give_back_host(block, bytes);
  } else if (place.memory != nullptr) {
    place.memory->give_back(block, bytes);
  } else {
    munmap(block, bytes);
  }
}

Tensor Arena::tensor(ArenaSlot slot) const {
  if (slot.index < 0 || slot.index >= static_cast<std::int64_t>(plan_.entries().size())) {
    fail("arena: no tensor {} among {}", slot.index, plan_.entries().size());
  }
  const ArenaPlan::Entry& entry = plan_.entries()[static_cast<std::size_t>(slot.index)];
  Tensor tensor = entry.shape;
  tensor.data = block_.get() + entry.offset;
  tensor.memory = memory();
  return tensor;
}

std::int64_t Arena::offset_of(const void* address) const {
  const auto begin = reinterpret_cast<std::uintptr_t>(block_.get()), at = reinterpret_cast<std::uintptr_t>(address);
  if (!block_ || at < begin || at - begin >= static_cast<std::uintptr_t>(plan_.bytes())) return -1;
  return static_cast<std::int64_t>(at - begin);
}

Tensor Arena::bytes() const {
  return Tensor(block_.get(), Dtype::i8, {plan_.bytes()}, memory());
}

void Arena::zero() {
  if (block_) cairn::zero(bytes());
}

}  // namespace cairn
