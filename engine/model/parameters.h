// The parameters of a model as named tensors in one contiguous buffer, in a canonical order that checkpoints, optimizers and
// gradients share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/model/config.h"
#include "kernels/tensor.h"

namespace cairn::model {

struct LayerParameters {
  Tensor attention_norm;    // [D]
  Tensor wq, wk, wv;        // [H*E, D], [K*E, D], [K*E, D]
  Tensor q_norm, k_norm;    // [E]
  Tensor wo;                // [D, H*E]
  Tensor mlp_norm;          // [D]
  Tensor w_up;              // [F, D]
  Tensor alpha_p, alpha_n;  // [1], raw (before softplus)
  Tensor w_down;            // [D, F]
};

struct NamedTensor {
  std::string name;  // the Hugging Face name, e.g. model.layers.3.mlp.up_proj.weight
  Tensor tensor;
  bool decays;  // weight decay applies (matrices; not norms, not alphas)
};

// Owns its memory (zeroed; each tensor 64-byte aligned). Movable, not copyable. Also used for gradients and optimizer moments.
class Parameters {
 public:
  Parameters(const ModelConfig& config, Dtype dtype);
  ~Parameters();
  Parameters(Parameters&&) noexcept;
  Parameters& operator=(Parameters&&) noexcept;

  const ModelConfig& config() const;
  Dtype dtype() const;
  Tensor embedding() const;   // [V, D]
  Tensor final_norm() const;  // [D]
  Tensor head() const;        // [V, D]
  const LayerParameters& layer(std::int64_t index) const;
  const std::vector<NamedTensor>& all() const;  // canonical order: embedding, layers, final norm, head
  // Everything as one [size] tensor, padding between tensors included (at most 60 bytes after each; it is zero and stays zero
  // under any elementwise update that maps zeros to zero), so its size is a little more than config().parameters().
  Tensor flat() const;
  void zero();
  void copy_from(const Parameters& other);  // same config and dtype

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// N(0, 0.008944), residual outputs N(0, 0.008944/sqrt(2*layers)), norms 1, alphas at 0.8 (spec/apertus.md §1.5). A function of
// (seed, name, index).
void initialise(Parameters& parameters, std::uint64_t seed);

}  // namespace cairn::model
