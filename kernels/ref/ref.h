// The specification: each operation as its formula in loops, for float64, float32 and bfloat16 tensors, with sums in double.
// Contracts: kernels/ops.h. Nothing here is clever: it is what every other backend is tested against.
#pragma once

#include <type_traits>

#include "kernels/backend.h"
#include "kernels/bf16.h"

namespace cairn::ref {

void embedding_forward(Context&, const Tensor& y, const Tensor& table, const Tensor& tokens);
void embedding_backward(Context&, const Tensor& dtable, const Tensor& dy, const Tensor& tokens);
void rmsnorm_forward(Context&, const Tensor& y, const Tensor& inv_rms, const Tensor& x, const Tensor& w, double eps);
void rmsnorm_backward(Context&, const Tensor& dx, const Tensor& dw, const Tensor& dy, const Tensor& x, const Tensor& w,
                      const Tensor& inv_rms, bool accumulate);
void matmul(Context&, const Tensor& c, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb, bool accumulate);
void bias_forward(Context&, const Tensor& y, const Tensor& b);
void bias_backward(Context&, const Tensor& db, const Tensor& dy);
void rope(Context&, const Tensor& y, const Tensor& x, const Tensor& cos, const Tensor& sin, const Tensor& positions,
          bool inverse);
void attention_forward(Context&, const Tensor& o, const Tensor& lse, const Tensor& q, const Tensor& k, const Tensor& v,
                       const Tensor& first_key, double scale);
void attention_backward(Context&, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o, const Tensor& q,
                        const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& first_key,
                        double scale);
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
