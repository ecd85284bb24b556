// Matrix products on the GPU by kind (kernels/ops.h).
#pragma once

#include "kernels/ops.h"

namespace cairn::cuda {

// Every shape and stride, no library: for comparison.
void matmul_plain(Context&, const Tensor& c, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb, bool accumulate);

}  // namespace cairn::cuda
