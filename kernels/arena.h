// Memory for tensors: first a plan, which costs nothing and can be printed, then one block that holds what was planned.
//
//   ArenaPlan plan;
//   const ArenaSlot x = plan.add("x", Dtype::f32, {N, D});
//   const std::int64_t mark = plan.mark();            // what is added after this ...
//   const ArenaSlot hidden = plan.add("hidden", Dtype::f32, {N, F});
//   plan.release(mark);                               // ... shares its bytes with what is added later
//   Arena arena(plan);                                // plan.bytes() bytes, one allocation, zeroed; Arena(plan, memory): there
//   Tensor t = arena.tensor(x);
//
// Every tensor begins on a 64-byte boundary. Large arenas ask for huge pages. The need of a config is plan.bytes(): nothing has
// to run.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "kernels/memory.h"
#include "kernels/tensor.h"

namespace cairn {

struct ArenaSlot {
  std::int64_t index = -1;
};

class ArenaPlan {
 public:
  ArenaSlot add(std::string name, Dtype dtype, std::initializer_list<std::int64_t> sizes);

  std::int64_t mark() const { return next_; }
  void release(std::int64_t mark);  // Error when `mark` lies above the current end

  std::int64_t bytes() const { return peak_; }  // of the whole block: the highest end of any tensor
  std::string table() const;                    // name, shape, bytes, offset; last line the total

  struct Entry {
    std::string name;
    Tensor shape;  // without data
    std::int64_t offset;
  };
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
  std::int64_t next_ = 0;
  std::int64_t peak_ = 0;
};

// Where a block lies: in `memory` (null: the host's), or beside it, on the host, page-locked, where the memory's lanes reach it
// (kernels/copy_lanes.h) and tensors are those of the host.
struct Place {
  Place(Memory* in = nullptr, bool beside_it = false) : memory(in), beside(beside_it && in != nullptr) {}
  Memory* memory;
  bool beside;
};

// Owns the block. Movable, not copyable; tensors point into it and must not outlive it, nor it the memory that it is in.
class Arena {
 public:
  Arena() = default;
  explicit Arena(ArenaPlan plan, Place place = {});  // Error naming the size when it cannot be had

  Tensor tensor(ArenaSlot slot) const;
  std::int64_t offset_of(const void* address) const;  // -1 for an address outside
  const ArenaPlan& plan() const { return plan_; }
  Memory* memory() const { return place().beside ? nullptr : place().memory; }
  Place place() const { return block_.get_deleter().place; }
  Tensor bytes() const;  // the whole block, int8
  void zero();

 private:
  struct Free {
    std::size_t bytes = 0;
    Place place;
    void operator()(std::byte* block) const;
  };
  ArenaPlan plan_;
  std::unique_ptr<std::byte, Free> block_{nullptr, Free{}};
};

}  // namespace cairn
