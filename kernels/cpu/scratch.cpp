#include "kernels/cpu/scratch.h"

#include "kernels/arena.h"

namespace cairn::cpu {

float* thread_scratch(std::int64_t floats) {
  if (floats == 0) return nullptr;
  thread_local Arena block;
  if (block.plan().bytes() < floats * 4) {
    ArenaPlan plan;
    plan.add("scratch", Dtype::f32, {floats});
    block = Arena();  // the old block goes before the new one comes
    block = Arena(std::move(plan));
  }
  return block.tensor({0}).as<float>();
}

}  // namespace cairn::cpu
