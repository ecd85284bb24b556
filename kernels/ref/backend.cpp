#include "kernels/ref/ref.h"

namespace cairn {

const Backend& ref_backend() {
  static const Backend backend{
      .name = "ref",
      .isa = "any",
      .float64 = true,
      .embedding_forward = ref::embedding_forward,
      .embedding_backward = ref::embedding_backward,
      .rmsnorm_forward = ref::rmsnorm_forward,
      .rmsnorm_backward = ref::rmsnorm_backward,
      .matmul = ref::matmul,
      .bias_forward = ref::bias_forward,
      .bias_backward = ref::bias_backward,
      .rope = ref::rope,
      .attention_forward = ref::attention_forward,
      .attention_backward = ref::attention_backward,
      .xielu_forward = ref::xielu_forward,
      .xielu_backward = ref::xielu_backward,
      .swiglu_forward = ref::swiglu_forward,
      .swiglu_backward = ref::swiglu_backward,
      .relu2_forward = ref::relu2_forward,
      .relu2_backward = ref::relu2_backward,
      .add = ref::add,
      .scale = ref::scale,
      .axpby = ref::axpby,
      .convert = ref::convert,
      .cross_entropy = ref::cross_entropy,
      .sum_of_squares = ref::sum_of_squares,
      .adamw = ref::adamw,
      .ademamix = ref::ademamix,
  };
  return backend;
}

}  // namespace cairn
