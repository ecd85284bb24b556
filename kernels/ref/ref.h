// The specification: each operation as its formula in loops, for float64, float32 and bfloat16 tensors, with sums in double.
// Contracts: kernels/ops.h. Nothing here is clever: it is what every other backend is tested against.
#pragma once

#include <type_traits>

#include "kernels/backend.h"
#include "kernels/bf16.h"

namespace cairn::ref {

CAIRN_REQUIRED_OPERATIONS(CAIRN_DECLARE_OPERATION)

// The statistics type of an activation type (kernels/ops.h).
template <typename T>
using Statistics = std::conditional_t<std::is_same_v<T, double>, double, float>;

// Calls fn(T()) with the float type of the tensor, which ops.cpp has checked.
template <typename Fn>
void with_type(const Tensor& tensor, Fn&& fn) {
  if (tensor.dtype == Dtype::f64) {
    fn(double());
  } else if (tensor.dtype == Dtype::bf16) {
    fn(Bf16());
  } else {
    fn(float());
  }
}

}  // namespace cairn::ref
