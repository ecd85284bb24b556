// One block of a decoder-only transformer, forward and backward: attention and MLP, each added to the residual stream x.
//
//   x_mid = x + attention(norm(x))      y = x_mid + mlp(norm(x_mid))           norms on the input (all but OLMo 2)
//   x_mid = x + norm(attention(x))      y = x_mid + norm(mlp(x_mid))           norms on the output (OLMo 2)
//
//   attention(a):  q, k, v = a Wq^T + bq, a Wk^T + bk, a Wv^T + bv
//                  q, k = rope(norm(q)), rope(norm(k))                         QK-norm: none, over each head, over all of q and k
//                  o = softmax(q k^T / sqrt(E)) v;   o Wo^T + bo
//   mlp(m):        g = xielu(m Wup^T), relu(m Wup^T)^2, or silu(m Wgate^T) * (m Wup^T), each product with its bias
//                  g Wdown^T + bdown
//
// Which of these a family has: architecture.h. Apertus: spec/apertus.md §1.2.
//
// Shapes: N = B*T tokens, D width, H query heads, K key/value heads, E head width, F MLP width, S keys.
// Types: all of the activation type A, but for statistics (inv_rms, lse), which are of the statistics type (parameters.h).
#pragma once

#include <map>

#include "engine/model/config.h"
#include "engine/model/parameters.h"
#include "engine/model/recompute.h"
#include "kernels/ops.h"
#include "kernels/tensor.h"

namespace cairn::model {

// A matrix of weights in 8 bits, both as it is and transposed, and what its units are worth (kernels/ops.h, quantize).
struct Fp8Weight {
  Tensor values, transposed;  // fp8 [out, in], [in, out]
  Tensor scale;               // S [1]
};

// Operands of 8-bit products: the products of a block's linear layers are then computed from float8_e4m3, each operand with one
// scale from its own largest value ("current scaling", spec/training.md §3.2). Weights are made once a step; inputs and gradients
// are made here, anew for each product, and all blocks share the room.
struct Fp8Operands {
  Tensor input, gradient, gradient_transposed;  // fp8, of as many elements as the largest of their kind
  Tensor gradient_amax;                         // S [1]
  Tensor input_scale, gradient_scale;           // S [1]
  std::map<const void*, Fp8Weight> weights;     // by the address of what they were made of

  const Fp8Weight& of(const Tensor& weight) const;  // Error for one that was not made
};

// The largest magnitudes of the inputs of a block's linear layers, S [1] each: taken where they are produced in the forward, and
// read again in the backward.
struct InputMaxima {
  Tensor attention, attention_output, mlp, mlp_output;
  Tensor all;  // S [4], these
};

// What the forward of one block computes and its backward reads again. A forward that is not followed by a backward may use one
// of these for all blocks. Tensors that the architecture has no use for are empty().
struct BlockActivations {
  Tensor x;                          // [N, D]     input
  Tensor a;                          // [N, D]     norm(x), where norms stand on the input
  Tensor q_raw, k_raw;               // [N, H*E], [N, K*E]   before QK-norm, where there is one
  Tensor q_inv_rms, k_inv_rms;       // [N*H], [N*K], or [N] each
  Tensor q, k, v;                    // [N, H*E], [N, K*E], [N, K*E]   q and k after norm and rotation
  Tensor o;                          // [N, H*E]   attention output
  Tensor lse;                        // [B, H, T]
  Tensor attention_out;              // [N, D]     before its norm, where norms stand on the output
  Tensor attention_inv_rms;          // [N]        of attention's norm, on its input or output
  Tensor x_mid;                      // [N, D]
  Tensor m;                          // [N, D]     norm(x_mid), where norms stand on the input
  Tensor gate, u;                    // [N, F]     before the activation; gate for SwiGLU
  Tensor g;                          // [N, F]     behind the activation
  Tensor mlp_out;                    // [N, D]     before its norm, where norms stand on the output
  Tensor mlp_inv_rms;                // [N]
  const Fp8Operands* fp8 = nullptr;  // null: products in the activation type
  InputMaxima amax;                  // with fp8
};

// Gradients inside one block; every block overwrites them.
struct BlockGradients {
  Tensor d_normed;        // [N, D]     of a and m, or of attention_out and mlp_out
  Tensor d_o;             // [N, H*E]
  Tensor dq, dk, dv;      // [N, H*E], [N, K*E], [N, K*E]
  Tensor dq_raw, dk_raw;  // [N, H*E], [N, K*E]   where there is a QK-norm
  Tensor dg;              // [N, F]
  Tensor d_gate, du;      // [N, F]     du is dg but for SwiGLU
};

// Where tokens stand, the same for all blocks.
struct TokenPlaces {
  Tensor positions;  // i32 [N]
  Tensor first_key;  // i32 [B, T]: the first key that each query sees (its document's first token)
  Tensor cos, sin;   // [P, E/2] rope_table; every position < P
};

// x -> y. `keys`, `values` [B, S, K, E] is what queries attend to; the block's own k and v, which it writes, are the last T of S
// (all of them in training; new entries of a cache in decoding). y may be block.x.
void block_forward(Context&, const ModelConfig&, const LayerParameters&, const TokenPlaces&, BlockActivations& block, Tensor keys,
                   Tensor values, Tensor y);

// The keys and values of many sequences, in pages (kernels/ops.h, paged_attention), for one layer.
struct PagedKeys {
  Tensor k{}, v{};  // [pages, page_size, K, E]: the cache, which the block's own k and v are added to
  Tensor slots{};   // i32 [N]: where those go
  // Either: each token attends by itself to the first keys of its sequence.
  Tensor table{}, lengths{};  // i32 [N, L], [N]
  // Or, with `history`: the tokens are the last N of one sequence, whose S slots these are; keys and values are brought together.
  Tensor history{};                         // i32 [S], or empty
  Tensor history_keys{}, history_values{};  // [S, K*E], room for them
};
// The same, with what queries attend to in pages. places.first_key [1, N] counts with `history` alone.
void block_forward(Context&, const ModelConfig&, const LayerParameters&, const TokenPlaces&, BlockActivations& block,
                   const PagedKeys& paged, Tensor y);

// dx [N, D] holds the gradient of y and becomes the gradient of x; `gradients` accumulates (+=) those of the parameters. S == T.
// What `recompute` names is computed again first, into `block`.
void block_backward(Context&, const ModelConfig&, const LayerParameters&, const LayerParameters& gradients, const TokenPlaces&,
                    BlockActivations& block, BlockGradients& scratch, Tensor dx, const Recompute& recompute = {});

}  // namespace cairn::model
