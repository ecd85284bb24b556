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

void embedding_forward(Context&, const Tensor& y, const Tensor& table, const Tensor& tokens);
void embedding_backward(Context&, const Tensor& dtable, const Tensor& dy, const Tensor& tokens);
void rmsnorm_forward(Context&, const Tensor& y, const Tensor& inv_rms, const Tensor& x, const Tensor& w, double eps);
void rmsnorm_backward(Context&, const Tensor& dx, const Tensor& dw, const Tensor& dy, const Tensor& x, const Tensor& w,
                      const Tensor& inv_rms, bool accumulate);
void add_rmsnorm_forward(Context&, const Tensor& sum, const Tensor& y, const Tensor& inv_rms, const Tensor& a, const Tensor& b,
                         const Tensor& w, double eps);
void norm_rope_forward(Context&, const Tensor& y, const Tensor& inv_rms, const Tensor& x, const Tensor& w, double eps,
                       const Tensor& cos, const Tensor& sin, const Tensor& positions);
void norm_rope_backward(Context&, const Tensor& dx, const Tensor& dw, const Tensor& dy, const Tensor& x, const Tensor& w,
                        const Tensor& inv_rms, const Tensor& cos, const Tensor& sin, const Tensor& positions);
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

}  // namespace cairn::cpu
