#include "kernels/cuda/backend.h"

#include "base/error.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/ops.h"

namespace cairn::cuda {

const Queue& queue_of(const Context& ctx) {
  if (ctx.queue == nullptr) fail("an operation of the cuda backend in a context without a queue");
  return *ctx.queue;
}

Backend make_backend(std::string name, MatmulEntry matmul) {
  Backend backend{.name = std::move(name), .isa = "sm_90a"};
  backend.embedding_forward = embedding_forward;
  backend.embedding_backward = embedding_backward;
  backend.rmsnorm_forward = rmsnorm_forward;
  backend.rmsnorm_backward = rmsnorm_backward;
  backend.matmul = matmul;
  backend.bias_forward = bias_forward;
  backend.bias_backward = bias_backward;
  backend.rope = rope;
  backend.attention_forward = attention_forward;
  backend.attention_backward = attention_backward;
  backend.xielu_forward = xielu_forward;
  backend.xielu_backward = xielu_backward;
  backend.swiglu_forward = swiglu_forward;
  backend.swiglu_backward = swiglu_backward;
  backend.relu2_forward = relu2_forward;
  backend.relu2_backward = relu2_backward;
  backend.add = add;
  backend.scale = scale;
  backend.axpby = axpby;
  backend.convert = convert;
  backend.cross_entropy = cross_entropy;
  backend.sum_of_squares = sum_of_squares;
  backend.adamw = adamw;
  backend.ademamix = ademamix;
  backend.add_rmsnorm_forward = add_rmsnorm_forward;
  backend.norm_rope_forward = norm_rope_forward;
  backend.norm_rope_backward = norm_rope_backward;
  return backend;
}

}  // namespace cairn::cuda
