// The operations of the cpu backend: they cut the work into pieces that depend on shapes alone, and hand each piece to a vector
// routine of the instruction set in use (routines.h). Contracts: kernels/ops.h.
#pragma once

#include <type_traits>

#include "kernels/backend.h"
#include "kernels/cpu/routines.h"

namespace cairn::cpu {

struct CpuBackend : Backend {
  const Routines* routines = nullptr;
};

// The routines of the backend that the operation was called on.
inline const Routines& routines_of(const Context& context) {
  return *static_cast<const CpuBackend&>(context.backend).routines;
}

// The routines for a type of activations, and fn(A()) with the type of a tensor, which ops.cpp has checked.
template <typename A>
const ActivationRoutines<A>& routines_of(const Context& context) {
  if constexpr (std::is_same_v<A, Bf16>) {
    return routines_of(context).bf16;
  } else {
    return routines_of(context).f32;
  }
}
template <typename Fn>
void with_type(const Tensor& tensor, Fn&& fn) {
  if (tensor.dtype == Dtype::bf16) {
    fn(Bf16());
  } else {
    fn(float());
  }
}

CAIRN_REQUIRED_OPERATIONS(CAIRN_DECLARE_OPERATION)
CAIRN_FUSED_OPERATIONS(CAIRN_DECLARE_OPERATION)

}  // namespace cairn::cpu
