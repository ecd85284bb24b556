// The model, forward and backward, over whole batches; what generation with a cache needs is in decode.h.
//
//   x = embed(tokens);  for each block: x += attention(norm(x)); x += mlp(norm(x));  logits = head(norm(x))
//
// (What a block is in each family: block.h.) The type of the parameters (f32, bf16, or f64 on the ref backend) is that of the
// activations; losses, statistics and gradients of parameters are float32, or float64 with float64. Parameters, activations,
// gradients and batches lie where the context computes (Context::memory()).
#pragma once

#include "engine/model/activations.h"
#include "engine/model/batch.h"
#include "engine/model/parameters.h"
#include "kernels/ops.h"

namespace cairn::model {

// sum over tokens of weight * cross-entropy(logits, target), already normalised by whoever set the weights. Adds (+=) its
// gradient to `gradients`, so that a large batch may come in pieces. Logits of the whole batch never exist. Activations for
// training; `gradients` of the statistics type of `params`, Parameters(config, statistics_type(params.dtype())).
// `z_loss` adds weight * z_loss * logsumexp(logits)^2 for each token (ops::cross_entropy).
double train_forward_backward(Context&, const Parameters&, Parameters& gradients, Activations&, const Batch&, double z_loss = 0);
// Its parts, for who wants to know what each costs, or not to wait in between: up to the losses and the gradients of the head;
// through the blocks; the sum of the losses, which waits for the device.
void train_forward(Context&, const Parameters&, Parameters& gradients, Activations&, const Batch&, double z_loss = 0);
void train_backward(Context&, const Parameters&, Parameters& gradients, Activations&, const Batch&);
double sum_of_losses(const Activations&);

// The same sum without gradients. Each token's weighted loss is in activations.losses [N] until the next pass.
double forward_loss(Context&, const Parameters&, Activations&, const Batch&);

// The normed output of the last block, [N, D]; lies in the activations until the next pass.
Tensor forward_hidden(Context&, const Parameters&, Activations&, const Batch&);
// logits [N, V] of the batch, as of head_logits; N*V values: for short inputs.
void forward_logits(Context&, const Parameters&, Activations&, const Batch&, Tensor logits);
// logits [n, V] of rows of hidden [n, D], in the type of the activations or of statistics.
void head_logits(Context&, const Parameters&, Tensor hidden, Tensor logits);

}  // namespace cairn::model
