// One Apertus block (spec/apertus.md §1.2): attention and MLP, each on a normed copy of the residual stream x, forward and
// backward.
//
// Shapes: N = B*T tokens, D width, H query heads, K key/value heads, E head width, F MLP width, S keys.
#pragma once

#include "engine/model/config.h"
#include "engine/model/parameters.h"
#include "kernels/ops.h"
#include "kernels/tensor.h"

namespace cairn::model {

// What the forward of one block computes and its backward reads again. A forward that is not followed by a backward may use one
// of these for all blocks.
struct BlockActivations {
  Tensor x;                     // [N, D]     input
  Tensor x_inv_rms;             // [N]
  Tensor a;                     // [N, D]     attention_norm(x)
  Tensor q_raw, k_raw;          // [N, H*E], [N, K*E]   before QK-norm
  Tensor q_inv_rms, k_inv_rms;  // [N*H], [N*K]
  Tensor q, k, v;               // [N, H*E], [N, K*E], [N, K*E]   q and k after norm and rotation
  Tensor o;                     // [N, H*E]   attention output
  Tensor lse;                   // [B, H, T]
  Tensor x_mid;                 // [N, D]     x + o Wo^T
  Tensor x_mid_inv_rms;         // [N]
  Tensor m;                     // [N, D]     mlp_norm(x_mid)
  Tensor u, g;                  // [N, F]     before and after xIELU
};

// Gradients inside one block; every block overwrites them.
struct BlockGradients {
  Tensor d_normed, d_input;  // [N, D]
  Tensor dq, dk, dv;         // [N, H*E], [N, K*E], [N, K*E]
  Tensor dq_raw, dk_raw;     // [N, H*E], [N, K*E]
  Tensor d_o;                // [N, H*E]
  Tensor du, dg;             // [N, F]
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

// dx [N, D] holds the gradient of y and becomes the gradient of x; `gradients` accumulates (+=) those of the parameters. S == T.
void block_backward(Context&, const ModelConfig&, const LayerParameters&, LayerParameters gradients, const TokenPlaces&,
                    const BlockActivations& block, BlockGradients& scratch, Tensor dx);

}  // namespace cairn::model
