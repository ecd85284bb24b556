// Causal attention of dense sequences by cuDNN, through the C API of its backend: a cross-check of our own kernels and a
// reference for their speed, never a part of the model (its deterministic backward needs memory that grows with the square of the
// length, and knows no documents; spec/training.md §3.3).
//
// cuDNN has no causal attention in one node before 9.21; what its engines recognise is the composite: products, pointwise
// operations and reductions over virtual tensors. That it recognises ours can be asked without a GPU, of a device that is
// described by text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/tensor.h"

namespace cairn::cuda {

struct CudnnAttentionShape {
  std::int64_t B, T, H, K, E;  // as in kernels/ops.h; the backward takes H == K
  double scale;
};

enum class CudnnPass { forward, backward, backward_deterministic };

class CudnnAttention {
 public:
  // Builds the graph. Error when cuDNN is missing or refuses it.
  CudnnAttention(const CudnnAttentionShape& shape, CudnnPass pass);
  ~CudnnAttention();
  CudnnAttention(const CudnnAttention&) = delete;
  CudnnAttention& operator=(const CudnnAttention&) = delete;

  // The numbers of the engines that cuDNN would run it with on such a device (cuDNN's device properties as JSON), best first.
  std::vector<std::int64_t> engines_on(const std::string& device) const;

  // Chooses an engine for the current GPU and returns the bytes of workspace that it wants.
  std::int64_t prepare(void* stream);
  // All tensors contiguous bfloat16 [B, T, heads, E] on the GPU; stats f32 [B, H, T]: the log-sum-exp.
  void forward(void* workspace, const Tensor& o, const Tensor& stats, const Tensor& q, const Tensor& k, const Tensor& v);
  // `means` and `sums` are scratch of the pass: f32 [B, H, T], f32 [B, T, H, E].
  void backward(void* workspace, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o, const Tensor& q,
                const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& stats, const Tensor& means, const Tensor& sums);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// An H100 as cuDNN describes it, for asking without one.
extern const char* const kHopperForCudnn;

}  // namespace cairn::cuda
