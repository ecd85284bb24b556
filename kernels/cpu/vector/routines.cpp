#include "kernels/cpu/routines.h"

#include "kernels/cpu/vector/attention.h"
#include "kernels/cpu/vector/elements.h"
#include "kernels/cpu/vector/gemm.h"
#include "kernels/cpu/vector/norms.h"
#include "kernels/cpu/vector/optimizer.h"
#include "kernels/cpu/vector/rows.h"
#include "kernels/cpu/vector/simd.h"

#define CAIRN_NAME_TEXT(name) #name
#define CAIRN_NAME(name) CAIRN_NAME_TEXT(name)

namespace cairn::cpu::CAIRN_ISA {

namespace {

template <typename A>
constexpr ActivationRoutines<A> activation_routines() {
  using Attention = AttentionOps<A>;
  using Rows = RowOps<A>;
  using Elements = ElementOps<A>;
  using Norms = NormOps<A>;
  return {.rmsnorm_forward = Norms::rmsnorm_forward,
          .rmsnorm_backward = Norms::rmsnorm_backward,
          .add_rmsnorm_forward = Norms::add_rmsnorm_forward,
          .norm_rope_forward = Norms::norm_rope_forward,
          .norm_rope_backward = Norms::norm_rope_backward,
          .attention_forward_scratch = Attention::forward_scratch,
          .attention_forward = Attention::forward,
          .attention_decode_scratch = Attention::decode_scratch,
          .attention_decode = Attention::decode,
          .attention_backward_scratch = Attention::backward_scratch,
          .attention_backward = Attention::backward,
          .bias_forward = Rows::bias_forward,
          .bias_backward = Rows::bias_backward,
          .rope = Rows::rope,
          .cross_entropy = Rows::cross_entropy,
          .xielu_forward = Elements::xielu_forward,
          .xielu_backward = Elements::xielu_backward,
          .swiglu_forward = Elements::swiglu_forward,
          .swiglu_backward = Elements::swiglu_backward,
          .relu2_forward = Elements::relu2_forward,
          .relu2_backward = Elements::relu2_backward,
          .add = Elements::add,
          .add_to = Elements::add_to,
          .scale = Elements::scale,
          .axpby_float = Elements::template axpby<float>,
          .axpby_bf16 = Elements::template axpby<Bf16>,
          .to_float = Elements::template convert<float>,
          .to_bf16 = Elements::template convert<Bf16>,
          .sum_of_squares = Elements::sum_of_squares};
}

}  // namespace

const Routines& routines() {
  static constexpr Routines table{
      .isa = CAIRN_NAME(CAIRN_ISA),
      .tile_rows = kMr,
      .tile_cols = kNr,
      .gemm_scratch = gemm_scratch,
      .gemm_block = gemm_block,
      .gemm_dots = gemm_dots,
      .f32 = activation_routines<float>(),
      .bf16 = activation_routines<Bf16>(),
      .adamw = adamw,
      .ademamix = ademamix,
      .multiply_add_rounds = multiply_add_rounds<float>,
      .multiply_add_rounds_bf16 = multiply_add_rounds<Bf16>,
      .exp_array = exp_array,
      .exp2_array = exp2_array<float>,
      .exp2_array_bf16 = exp2_array<Bf16>,
      .exp_minus_linear_array = exp_minus_linear_array,
  };
  return table;
}

}  // namespace cairn::cpu::CAIRN_ISA
