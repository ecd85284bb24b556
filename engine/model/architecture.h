// What sets the families of decoder-only transformers apart. They share one block (block.h): each choice here is one place in its
// formula. What the families call their tensors and keys is in family.h.
#pragma once

#include <cstdint>

namespace cairn::model {

// Where the RMS norm of a sublayer stands: x + f(norm(x)), or x + norm(f(x)) (OLMo 2).
enum class NormPlacement : std::uint8_t { input, output };

// RMS norm of queries and keys, before the rotation: none; over each head, with one weight [E] for all heads (Apertus, Qwen3);
// over the whole projection [H*E] (OLMo 2).
enum class QkNorm : std::uint8_t { none, head, projection };

// Of the MLP: xielu and relu2 act on up(x), swiglu is silu(gate(x)) * up(x).
enum class Activation : std::uint8_t { xielu, swiglu, relu2 };

enum class Family : std::uint8_t { apertus, llama, mistral, qwen2, qwen3, olmo2 };

struct Architecture {
  Family family = Family::apertus;
  NormPlacement norm = NormPlacement::input;
  QkNorm qk_norm = QkNorm::head;
  Activation activation = Activation::xielu;
  bool qkv_bias = false;         // of the projections to queries, keys and values
  bool output_bias = false;      // of the projection behind attention
  bool mlp_bias = false;         // of all projections of the MLP
  bool tied_embeddings = false;  // the head is the embedding, and gets both gradients

  bool gated() const { return activation == Activation::swiglu; }
  bool operator==(const Architecture&) const = default;
};

}  // namespace cairn::model
