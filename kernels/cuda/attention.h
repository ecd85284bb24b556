// The attention kernels by kind (kernels/ops.h), and the choice among them.
#pragma once

#include "kernels/ops.h"

namespace cairn::cuda {

// Every type, head width up to 256, no tensor cores.
void attention_forward_plain(Context&, const Tensor& o, const Tensor& lse, const Tensor& q, const Tensor& k, const Tensor& v,
                             const Tensor& first_key, double scale);
void attention_backward_plain(Context&, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o, const Tensor& q,
                              const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& first_key,
                              double scale);

// bfloat16, head width 64 or 128; rows of all tensors begin at multiples of 16 bytes.
void attention_forward_mma(Context&, const Tensor& o, const Tensor& lse, const Tensor& q, const Tensor& k, const Tensor& v,
                           const Tensor& first_key, double scale);
void attention_backward_mma(Context&, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o, const Tensor& q,
                            const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& first_key,
                            double scale);

// The tensor-core kernels where they can, else the plain ones.
void attention_forward(Context&, const Tensor& o, const Tensor& lse, const Tensor& q, const Tensor& k, const Tensor& v,
                       const Tensor& first_key, double scale);
void attention_backward(Context&, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o, const Tensor& q,
                        const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& first_key,
                        double scale);

}  // namespace cairn::cuda
