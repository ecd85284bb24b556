// The parameters of a model as named tensors in one contiguous buffer, in a canonical order that checkpoints, optimizers and
// gradients share.
//
// Types. In a model of activation type A (f64, f32, bf16) matrices are of type A and vectors (norms, biases, xIELU alphas) of the
// statistics type: f64 for A = f64, else f32. Gradients, moments and master weights are Parameters of the statistics type.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/model/config.h"
#include "kernels/arena.h"
#include "kernels/ops.h"
#include "kernels/tensor.h"

namespace cairn::model {

// Those that the architecture does not have are empty().
struct LayerParameters {
  Tensor attention_norm;    // [D]       on the sublayer's input or output (Architecture::norm)
  Tensor wq, wk, wv;        // [H*E, D], [K*E, D], [K*E, D]
  Tensor bq, bk, bv;        // [H*E], [K*E], [K*E]
  Tensor q_norm, k_norm;    // [E] each, or [H*E], [K*E] (Architecture::qk_norm)
  Tensor wo, bo;            // [D, H*E], [D]
  Tensor mlp_norm;          // [D]
  Tensor w_gate, b_gate;    // [F, D], [F]
  Tensor w_up, b_up;        // [F, D], [F]
  Tensor alpha_p, alpha_n;  // [1], raw (before softplus)
  Tensor w_down, b_down;    // [D, F], [D]
};

// One parameter of a layer, by its Hugging Face name behind "model.layers.N.".
struct LayerParameter {
  std::string name;
  Tensor LayerParameters::*member;
  std::int64_t rows, columns;  // columns 0: a vector

  bool is_matrix() const { return columns > 0; }
  std::int64_t size() const { return rows * (is_matrix() ? columns : 1); }
};

// Those of one layer, in canonical order.
std::vector<LayerParameter> layer_parameters(const ModelConfig& config);

struct NamedTensor {
  std::string name;  // the Hugging Face name, e.g. model.layers.3.mlp.up_proj.weight
  Tensor tensor;
  bool decays;  // weight decay applies (matrices; not norms, biases, alphas)
};

// Owns its memory (zeroed; each tensor 64-byte aligned), on the host or on a device. Movable, not copyable. Also used for
// gradients.
class Parameters {
 public:
  Parameters(const ModelConfig& config, Dtype dtype, Place place = {});
  ~Parameters();
  Parameters(Parameters&&) noexcept;
  Parameters& operator=(Parameters&&) noexcept;

  const ModelConfig& config() const;
  Dtype dtype() const;        // of the matrices
  Tensor embedding() const;   // [V, D]
  Tensor final_norm() const;  // [D]
  Tensor head() const;        // [V, D]; the embedding itself where they are tied
  const LayerParameters& layer(std::int64_t index) const;
  const std::vector<NamedTensor>& all() const;  // canonical order: embedding, layers, final norm, head (unless tied)
  // Everything as one [size] tensor, padding between tensors included (at most 60 bytes after each; it is zero and stays zero
  // under any elementwise update that maps zeros to zero), so its size is a little more than config().parameters(). Error for
  // bf16, whose vectors are float32.
  Tensor flat() const;
  std::int64_t bytes() const;  // of the buffer
  Memory* memory() const;      // where it lies; null: on the host
  Place place() const;
  void zero();
  void copy_from(const Parameters& other);                       // same config and dtype, wherever both lie
  void convert_from(Context& context, const Parameters& other);  // same config; each tensor rounded to its type here
  void convert_from(Context& context, const Parameters& other, std::size_t index);  // the tensor all()[index] alone

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The same in `place`: as they are where they lie there already, else copied there and released here.
Parameters moved_to(Place place, Parameters parameters);

// What Parameters(config, dtype) would take, without taking it.
std::int64_t parameter_bytes(const ModelConfig& config, Dtype dtype);

// N(0, 0.008944), residual outputs N(0, 0.008944/sqrt(2*layers)), norms 1, biases 0, alphas at 0.8 (spec/apertus.md §1.5). A
// function of (seed, name, index). float32 or float64, on the host.
void initialise(Parameters& parameters, std::uint64_t seed);

}  // namespace cairn::model
