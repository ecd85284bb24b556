// The attention kernels by kind; ops choose among them by type and head width (backend.cpp).
#pragma once

#include "kernels/ops.h"

namespace cairn::cuda {

// Every type, head width up to 256, no tensor cores.
void attention_forward_plain(Context&, const Tensor& o, const Tensor& lse, const Tensor& q, const Tensor& k, const Tensor& v,
                             const Tensor& first_key, double scale);
void attention_backward_plain(Context&, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o, const Tensor& q,
                              const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& first_key,
                              double scale);

}  // namespace cairn::cuda
