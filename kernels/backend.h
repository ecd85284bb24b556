// A backend: the table of its operations. Model code calls the functions of ops.h, which check shapes and types and then come
// here, so an entry may rely on everything that ops.h demands. Signatures and formulas: kernels/ops.h.
#pragma once

#include <string>
#include <type_traits>
#include <vector>

#include "kernels/ops.h"

namespace cairn {

struct Backend {
  std::string name;      // "ref", "cpu"
  std::string isa;       // instruction set, part of the determinism class: "avx512bf16", "avx512", "avx2", ...; "any" for ref
  bool float64 = false;  // takes f64 tensors besides f32 and bf16

  // Required.
  void (*embedding_forward)(Context&, const Tensor& y, const Tensor& table, const Tensor& tokens) = nullptr;
  void (*embedding_backward)(Context&, const Tensor& dtable, const Tensor& dy, const Tensor& tokens) = nullptr;
  void (*rmsnorm_forward)(Context&, const Tensor& y, const Tensor& inv_rms, const Tensor& x, const Tensor& w,
                          double eps) = nullptr;
  void (*rmsnorm_backward)(Context&, const Tensor& dx, const Tensor& dw, const Tensor& dy, const Tensor& x, const Tensor& w,
                           const Tensor& inv_rms, bool accumulate) = nullptr;
  void (*matmul)(Context&, const Tensor& c, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb,
                 bool accumulate) = nullptr;
  void (*bias_forward)(Context&, const Tensor& y, const Tensor& b) = nullptr;
  void (*bias_backward)(Context&, const Tensor& db, const Tensor& dy) = nullptr;
  void (*rope)(Context&, const Tensor& y, const Tensor& x, const Tensor& cos, const Tensor& sin, const Tensor& positions,
               bool inverse) = nullptr;
  void (*attention_forward)(Context&, const Tensor& o, const Tensor& lse, const Tensor& q, const Tensor& k, const Tensor& v,
                            const Tensor& first_key, double scale) = nullptr;
  void (*attention_backward)(Context&, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o, const Tensor& q,
                             const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& first_key,
                             double scale) = nullptr;
  void (*xielu_forward)(Context&, const Tensor& y, const Tensor& x, const Tensor& a_p, const Tensor& a_n) = nullptr;
  void (*xielu_backward)(Context&, const Tensor& dx, const Tensor& da_p, const Tensor& da_n, const Tensor& dy, const Tensor& x,
                         const Tensor& a_p, const Tensor& a_n) = nullptr;
  void (*swiglu_forward)(Context&, const Tensor& y, const Tensor& gate, const Tensor& up) = nullptr;
  void (*swiglu_backward)(Context&, const Tensor& dgate, const Tensor& dup, const Tensor& dy, const Tensor& gate,
                          const Tensor& up) = nullptr;
  void (*relu2_forward)(Context&, const Tensor& y, const Tensor& x) = nullptr;
  void (*relu2_backward)(Context&, const Tensor& dx, const Tensor& dy, const Tensor& x) = nullptr;
  void (*add)(Context&, const Tensor& y, const Tensor& a, const Tensor& b) = nullptr;
  void (*scale)(Context&, const Tensor& y, const Tensor& x, double factor) = nullptr;
  void (*axpby)(Context&, const Tensor& y, const Tensor& x, double a, double b) = nullptr;
  void (*convert)(Context&, const Tensor& y, const Tensor& x) = nullptr;
  void (*cross_entropy)(Context&, const Tensor& losses, const Tensor& logits, const Tensor& targets, const Tensor& weights,
                        bool with_gradient, double z_loss) = nullptr;
  double (*sum_of_squares)(Context&, const Tensor& x) = nullptr;
  void (*adamw)(Context&, const Tensor& p, const Tensor& m, const Tensor& v, const Tensor& g, const AdamWParams&,
                const Tensor& copy) = nullptr;
  void (*ademamix)(Context&, const Tensor& p, const Tensor& m1, const Tensor& m2, const Tensor& v, const Tensor& g,
                   const AdEMAMixParams&, const Tensor& copy) = nullptr;
  void (*absolute_max)(Context&, const Tensor& amax, const Tensor& x) = nullptr;
  void (*quantize)(Context&, const Tensor& y, const Tensor& y_transposed, const Tensor& scale, const Tensor& x,
                   const Tensor& amax, const Tensor& next_amax) = nullptr;
  void (*matmul_fp8)(Context&, const Tensor& c, const Tensor& a, const Tensor& scale_a, const Tensor& b, const Tensor& scale_b,
                     bool accumulate) = nullptr;
  void (*cache_append)(Context&, const Tensor& cache, const Tensor& rows, const Tensor& slots) = nullptr;
  void (*paged_attention)(Context&, const Tensor& o, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& table,
                          const Tensor& lengths, double scale) = nullptr;
  void (*sample)(Context&, const Tensor& tokens, const Tensor& logits, const Tensor& rules, const Tensor& draws) = nullptr;

  // Optional.
  void (*add_rmsnorm_forward)(Context&, const Tensor& sum, const Tensor& y, const Tensor& inv_rms, const Tensor& a,
                              const Tensor& b, const Tensor& w, double eps) = nullptr;
  void (*norm_rope_forward)(Context&, const Tensor& y, const Tensor& inv_rms, const Tensor& x, const Tensor& w, double eps,
                            const Tensor& cos, const Tensor& sin, const Tensor& positions) = nullptr;
  void (*norm_rope_backward)(Context&, const Tensor& dx, const Tensor& dw, const Tensor& dy, const Tensor& x, const Tensor& w,
                             const Tensor& inv_rms, const Tensor& cos, const Tensor& sin, const Tensor& positions) = nullptr;
  // The producers of 8-bit operands with their results' largest magnitude; without them absolute_max follows.
  void (*rmsnorm_forward_amax)(Context&, const Tensor& y, const Tensor& inv_rms, const Tensor& x, const Tensor& w, double eps,
                               const Tensor& amax) = nullptr;
  void (*add_rmsnorm_forward_amax)(Context&, const Tensor& sum, const Tensor& y, const Tensor& inv_rms, const Tensor& a,
                                   const Tensor& b, const Tensor& w, double eps, const Tensor& amax) = nullptr;
  void (*xielu_forward_amax)(Context&, const Tensor& y, const Tensor& x, const Tensor& a_p, const Tensor& a_n,
                             const Tensor& amax) = nullptr;
};

// The entries by name, for who does something with each of them: declares the function, enters it into a table, wraps it.
#define CAIRN_REQUIRED_OPERATIONS(DO) \
  DO(embedding_forward)               \
  DO(embedding_backward)              \
  DO(rmsnorm_forward)                 \
  DO(rmsnorm_backward)                \
  DO(matmul)                          \
  DO(bias_forward)                    \
  DO(bias_backward)                   \
  DO(rope)                            \
  DO(attention_forward)               \
  DO(attention_backward)              \
  DO(xielu_forward)                   \
  DO(xielu_backward)                  \
  DO(swiglu_forward)                  \
  DO(swiglu_backward)                 \
  DO(relu2_forward)                   \
  DO(relu2_backward)                  \
  DO(add)                             \
  DO(scale)                           \
  DO(axpby)                           \
  DO(convert)                         \
  DO(cross_entropy)                   \
  DO(sum_of_squares)                  \
  DO(adamw)                           \
  DO(ademamix)                        \
  DO(absolute_max)                    \
  DO(quantize)                        \
  DO(matmul_fp8)                      \
  DO(cache_append)                    \
  DO(paged_attention)                 \
  DO(sample)
#define CAIRN_FUSED_OPERATIONS(DO) \
  DO(add_rmsnorm_forward)          \
  DO(norm_rope_forward)            \
  DO(norm_rope_backward)
#define CAIRN_AMAX_OPERATIONS(DO) \
  DO(rmsnorm_forward_amax)        \
  DO(add_rmsnorm_forward_amax)    \
  DO(xielu_forward_amax)
#define CAIRN_OPERATIONS(DO) CAIRN_REQUIRED_OPERATIONS(DO) CAIRN_FUSED_OPERATIONS(DO) CAIRN_AMAX_OPERATIONS(DO)

// Declares, in a backend's own namespace, its function for an entry: of the entry's type and name.
#define CAIRN_DECLARE_OPERATION(entry) std::remove_pointer_t<decltype(Backend::entry)> entry;

// The cpu backend for one instruction set, and the names of those that this machine can run, best first ("generic" is always
// last). cpu_backend() is the first. Error (usage) for a name that is unknown or that this machine cannot run.
const Backend& cpu_backend_for_isa(const std::string& isa);
std::vector<std::string> cpu_isa_names();
std::string cpu_isa();  // of cpu_backend(); part of a run's determinism class

}  // namespace cairn
