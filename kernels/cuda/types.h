// From the type of a tensor to the type of a kernel.
#pragma once

#include "base/error.h"
#include "kernels/cuda/numbers.h"
#include "kernels/tensor.h"

namespace cairn::cuda {

// Calls function(A{}) with float or Bf16, by the tensor's type.
template <typename Function>
void with_type(const Tensor& tensor, Function function) {
  if (tensor.dtype == Dtype::f32) return function(float{});
  if (tensor.dtype == Dtype::bf16) return function(Bf16{});
  fail("the cuda backend takes float32 and bfloat16, found {}", tensor.describe());
}

}  // namespace cairn::cuda
