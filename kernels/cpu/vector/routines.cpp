#include "kernels/cpu/routines.h"

#include "kernels/cpu/vector/attention.h"
#include "kernels/cpu/vector/elements.h"
#include "kernels/cpu/vector/gemm.h"
#include "kernels/cpu/vector/rows.h"
#include "kernels/cpu/vector/simd.h"

#define CAIRN_NAME_TEXT(name) #name
#define CAIRN_NAME(name) CAIRN_NAME_TEXT(name)

namespace cairn::cpu::CAIRN_ISA {

const Routines& routines() {
  static constexpr Routines table{
      .isa = CAIRN_NAME(CAIRN_ISA),
      .tile_rows = kMr,
      .tile_cols = kNr,
      .gemm_scratch = gemm_scratch,
      .gemm_block = gemm_block,
      .gemm_dots = gemm_dots,
      .attention_forward_scratch = attention_forward_scratch,
      .attention_forward = attention_forward,
      .attention_decode_scratch = attention_decode_scratch,
      .attention_decode = attention_decode,
      .attention_backward_scratch = attention_backward_scratch,
      .attention_backward = attention_backward,
      .rmsnorm_forward = rmsnorm_forward,
      .rmsnorm_backward = rmsnorm_backward,
      .rope = rope,
      .xielu_forward = xielu_forward,
      .xielu_backward = xielu_backward,
      .add = add,
      .scale = scale,
      .cross_entropy = cross_entropy,
      .sum_of_squares = sum_of_squares,
      .adamw = adamw,
      .ademamix = ademamix,
      .fma_rounds = fma_rounds,
      .exp_array = exp_array,
      .exp_minus_linear_array = exp_minus_linear_array,
  };
  return table;
}

}  // namespace cairn::cpu::CAIRN_ISA
