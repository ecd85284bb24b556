// The operations of kernels/ops.h on one GPU: the entries of the CUDA backend's table, one file a family.
#pragma once

#include <cstdint>

#include "kernels/cuda/queue.h"
#include "kernels/ops.h"

namespace cairn::cuda {

// The queue of a context; Error when it has none.
const Queue& queue_of(const Context& ctx);

// y[d] += sum over p of partial[p, d], p ascending: the second stage of all sums over rows.
void add_columns(const Queue& queue, float* y, const float* partial, std::int64_t parts, std::int64_t D);

void embedding_forward(Context&, const Tensor& y, const Tensor& table, const Tensor& tokens);
void embedding_backward(Context&, const Tensor& dtable, const Tensor& dy, const Tensor& tokens);
void rmsnorm_forward(Context&, const Tensor& y, const Tensor& inv_rms, const Tensor& x, const Tensor& w, double eps);
void rmsnorm_backward(Context&, const Tensor& dx, const Tensor& dw, const Tensor& dy, const Tensor& x, const Tensor& w,
                      const Tensor& inv_rms, bool accumulate);
void add_rmsnorm_forward(Context&, const Tensor& sum, const Tensor& y, const Tensor& inv_rms, const Tensor& a, const Tensor& b,
                         const Tensor& w, double eps);
void bias_forward(Context&, const Tensor& y, const Tensor& b);
void bias_backward(Context&, const Tensor& db, const Tensor& dy);
void rope(Context&, const Tensor& y, const Tensor& x, const Tensor& cos, const Tensor& sin, const Tensor& positions,
          bool inverse);
void norm_rope_forward(Context&, const Tensor& y, const Tensor& inv_rms, const Tensor& x, const Tensor& w, double eps,
                       const Tensor& cos, const Tensor& sin, const Tensor& positions);
void norm_rope_backward(Context&, const Tensor& dx, const Tensor& dw, const Tensor& dy, const Tensor& x, const Tensor& w,
                        const Tensor& inv_rms, const Tensor& cos, const Tensor& sin, const Tensor& positions);
void xielu_forward(Context&, const Tensor& y, const Tensor& x, const Tensor& a_p, const Tensor& a_n);
void xielu_backward(Context&, const Tensor& dx, const Tensor& da_p, const Tensor& da_n, const Tensor& dy, const Tensor& x,
                    const Tensor& a_p, const Tensor& a_n);
void swiglu_forward(Context&, const Tensor& y, const Tensor& gate, const Tensor& up);
void swiglu_backward(Context&, const Tensor& dgate, const Tensor& dup, const Tensor& dy, const Tensor& gate, const Tensor& up);
void relu2_forward(Context&, const Tensor& y, const Tensor& x);
void relu2_backward(Context&, const Tensor& dx, const Tensor& dy, const Tensor& x);
void add(Context&, const Tensor& y, const Tensor& a, const Tensor& b);
void scale(Context&, const Tensor& y, const Tensor& x, double factor);
void axpby(Context&, const Tensor& y, const Tensor& x, double a, double b);
void convert(Context&, const Tensor& y, const Tensor& x);
void cross_entropy(Context&, const Tensor& losses, const Tensor& logits, const Tensor& targets, const Tensor& weights,
                   bool with_gradient, double z_loss);
double sum_of_squares(Context&, const Tensor& x);
void adamw(Context&, const Tensor& p, const Tensor& m, const Tensor& v, const Tensor& g, const AdamWParams&, const Tensor& copy);
void ademamix(Context&, const Tensor& p, const Tensor& m1, const Tensor& m2, const Tensor& v, const Tensor& g,
              const AdEMAMixParams&, const Tensor& copy);

}  // namespace cairn::cuda
