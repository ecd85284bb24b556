// The vector routines of one instruction set, as a table of plain functions that each work on one piece of an operation in one
// thread. kernels/cpu/*.cpp cut operations into pieces and call these; kernels/cpu/vector/*.cpp define them, compiled once per
// instruction set.
//
// A is the type that activations are stored in, float or Bf16; all arithmetic is in float32. `n` counts rows or elements of the
// piece; pointers point at the piece.
#pragma once

#include <cstdint>

#include "kernels/bf16.h"

namespace cairn::cpu {

// C [m, n] = op(A) op(B), or += ; row strides in numbers. transposed_a: A is stored [k, m]; transposed_b: B is stored [n, k]. All
// are float32, or A and B are bfloat16 and C either. Sums are float32; a bfloat16 result is rounded once.
struct GemmBlock {
  std::int64_t m, n, k;
  const void* a;
  std::int64_t lda;
  bool transposed_a;
  const void* b;
  std::int64_t ldb;
  bool transposed_b;
  void* c;
  std::int64_t ldc;
  bool accumulate;
  bool bf16, bf16_c;  // A and B; C
};

// One key/value head of a batch element with all of its `group` query heads, or some of them (attention_forward alone). Strides
// in numbers: rows at *_stride, query heads of the group at *_head. attention_forward and attention_backward do queries
// [first_query, first_query + queries) of the T; first_query is a multiple of tile_cols.
template <typename A>
struct AttentionForward {
  std::int64_t first_query, queries;
  std::int64_t T, S, E, group;
  A* o;
  std::int64_t o_stride, o_head;
  float* lse;  // [group, T]
  const A *q, *k, *v;
  std::int64_t q_stride, q_head, k_stride, v_stride;
  const std::int32_t* first_key;  // [T]
  float scale;
};
template <typename A>
struct AttentionBackward {
  std::int64_t first_query, queries;
  std::int64_t T, E, group;
  A *dq, *dk, *dv;
  std::int64_t dq_stride, dq_head, dk_stride, dv_stride;
  float *dk_part, *dv_part;  // where not null, what these queries add to the first first_query + queries rows goes here, [., E]
  const A *d_o, *q, *o, *k, *v;
  std::int64_t do_stride, do_head, q_stride, q_head, o_stride, o_head, k_stride, v_stride;
  const float* lse;               // [group, T]
  const std::int32_t* first_key;  // [T]
  float scale;
};

// A moment of an optimizer, or its copy of the parameters: float32 or bfloat16, whole tensors; data null: none.
struct StoredFloats {
  void* data;
  bool bf16;
};

struct AdamStep {                            // constants of one optimizer step, already combined in double
  float beta1_rest, beta2_rest, beta3_rest;  // 1 - beta
  float inverse_correction1;                 // 1 / (1 - beta1^t)
  float inverse_sqrt_correction2;            // 1 / sqrt(1 - beta2^t)
  float alpha, eps, lr, weight_decay, gradient_scale;
  std::uint64_t seed, first_element;  // of the stochastic rounding (kernels/ops.h)
  std::uint32_t step;
};

// What exists for each type of activations.
template <typename A>
struct ActivationRoutines {
  void (*rmsnorm_forward)(std::int64_t n, std::int64_t D, A* y, float* inv_rms, const A* x, const float* w, float eps);
  // dw_piece [D] is overwritten with this piece's sum.
  void (*rmsnorm_backward)(std::int64_t n, std::int64_t D, A* dx, float* dw_piece, const A* dy, const A* x, const float* w,
                           const float* inv_rms, bool accumulate);
  void (*add_rmsnorm_forward)(std::int64_t n, std::int64_t D, A* sum, A* y, float* inv_rms, const A* a, const A* b,
                              const float* w, float eps);
  // n tokens of H rows each.
  void (*norm_rope_forward)(std::int64_t n, std::int64_t H, std::int64_t E, A* y, float* inv_rms, const A* x, const float* w,
                            float eps, const float* cos, const float* sin, const std::int32_t* positions);
  void (*norm_rope_backward)(std::int64_t n, std::int64_t H, std::int64_t E, A* dx, float* dw_piece, const A* dy, const A* x,
                             const float* w, const float* inv_rms, const float* cos, const float* sin,
                             const std::int32_t* positions);
  std::int64_t (*attention_forward_scratch)(std::int64_t S, std::int64_t E);  // floats
  void (*attention_forward)(const AttentionForward<A>&, float* scratch);
  std::int64_t (*attention_decode_scratch)(std::int64_t rows, std::int64_t S, std::int64_t E);  // rows = group * T
  void (*attention_decode)(const AttentionForward<A>&, float* scratch);                         // few queries, many keys
  std::int64_t (*attention_backward_scratch)(std::int64_t T, std::int64_t E);
  void (*attention_backward)(const AttentionBackward<A>&, float* scratch);

  void (*bias_forward)(std::int64_t n, std::int64_t M, A* y, const float* b);
  void (*bias_backward)(std::int64_t n, std::int64_t M, float* db_piece, const A* dy);  // overwrites db_piece [M]
  void (*rope)(std::int64_t n, std::int64_t H, std::int64_t E, A* y, const A* x, const float* cos, const float* sin,
               const std::int32_t* positions, float sign);
  void (*cross_entropy)(std::int64_t n, std::int64_t V, float* losses, A* logits, const std::int32_t* targets,
                        const float* weights, bool with_gradient, float z_loss, float* scratch);  // scratch [V]

  void (*xielu_forward)(std::int64_t n, A* y, const A* x, float alpha_p, float alpha_n);
  // sums[0] = sum dy x^2 over x > 0, sums[1] = sum dy (expm1(min(x, eps)) - x) over x <= 0.
  void (*xielu_backward)(std::int64_t n, A* dx, double* sums, const A* dy, const A* x, float alpha_p, float alpha_n);
  void (*swiglu_forward)(std::int64_t n, A* y, const A* gate, const A* up);
  void (*swiglu_backward)(std::int64_t n, A* dgate, A* dup, const A* dy, const A* gate, const A* up);
  void (*relu2_forward)(std::int64_t n, A* y, const A* x);
  void (*relu2_backward)(std::int64_t n, A* dx, const A* dy, const A* x);
  void (*add)(std::int64_t n, A* y, const A* a, const A* b);
  void (*add_to)(std::int64_t n, float* y, const A* x);  // y += x
  void (*scale)(std::int64_t n, A* y, const A* x, float factor);
  void (*axpby_float)(std::int64_t n, float* y, const A* x, float a, float b);
  void (*axpby_bf16)(std::int64_t n, Bf16* y, const A* x, float a, float b);
  void (*to_float)(std::int64_t n, float* y, const A* x);
  void (*to_bf16)(std::int64_t n, Bf16* y, const A* x);
  double (*sum_of_squares)(std::int64_t n, const A* x);
};

struct Routines {
  const char* isa;
  std::int64_t tile_rows, tile_cols;  // of the matrix product's register tile

  std::int64_t (*gemm_scratch)(const GemmBlock&);  // floats that gemm_block needs for such a block or a smaller one
  void (*gemm_block)(const GemmBlock&, float* scratch);
  void (*gemm_dots)(const GemmBlock&);  // few rows, A not transposed, B transposed: every element a dot product, B read once

  ActivationRoutines<float> f32;
  ActivationRoutines<Bf16> bf16;

  // Elements [begin, end) of the tensors. Bits do not depend on the instruction set.
  void (*adamw)(std::int64_t begin, std::int64_t end, float* p, StoredFloats m, StoredFloats v, const float* g, StoredFloats copy,
                const AdamStep&);
  void (*ademamix)(std::int64_t begin, std::int64_t end, float* p, StoredFloats m1, StoredFloats m2, StoredFloats v,
                   const float* g, StoredFloats copy, const AdamStep&);

  // Runs `rounds` of independent multiply-adds in registers, as matrix products do them; returns the flops done. *sink keeps the
  // compiler honest.
  double (*multiply_add_rounds)(std::int64_t rounds, float* sink);
  double (*multiply_add_rounds_bf16)(std::int64_t rounds, float* sink);
  void (*exp_array)(std::int64_t n, float* y, const float* x);  // for the tests of simd_math.h
  void (*exp2_array)(std::int64_t n, float* y, const float* x);
  void (*exp2_array_bf16)(std::int64_t n, float* y, const float* x);
  void (*exp_minus_linear_array)(std::int64_t n, float* rest, float* exp, const float* x);
};

// Which of these a build has is settled by its meson.build; which of them the machine can run, by backend.cpp.
namespace avx512bf16 {
const Routines& routines();
}
namespace avx512 {
const Routines& routines();
}
namespace avx2 {
const Routines& routines();
}
namespace neonbf16 {
const Routines& routines();
}
namespace neon {
const Routines& routines();
}
namespace generic {
const Routines& routines();
}

}  // namespace cairn::cpu
