#include "engine/model/forward.h"

#include <algorithm>

#include "base/error.h"

namespace cairn::model {
namespace {

void check_batch(const Parameters& params, const Activations& act, const Batch& batch) {
  if (act.dtype() != params.dtype())
    fail("activations are {}, parameters {}", dtype_name(act.dtype()), dtype_name(params.dtype()));
  if (batch.tokens.dims != 2) fail("batch.tokens: expected [B, T], found {}", batch.tokens.describe());
  for (const Tensor& tensor : {batch.positions, batch.first_key}) {
    if (tensor.size() != batch.tokens.size())
      fail("batch: expected {} positions and first keys, found {}", batch.tokens.size(), tensor.describe());
  }
}

TokenPlaces places_of(const Activations& act, const Batch& batch) {
  return {batch.positions.reshape({batch.tokens.size()}), batch.first_key, act.cos, act.sin};
}

Tensor flat(const Tensor& tensor) {
  return tensor.reshape({tensor.size()});
}

// The batch's float32 weights in the statistics type, in act.weights.
void take_weights(Context& ctx, Activations& act, const Batch& batch) {
  const std::int64_t N = batch.tokens.size();
  if (batch.targets.size() != N || batch.weights.size() != N) {
    fail("batch: expected {} targets and weights, found {} and {}", N, batch.targets.describe(), batch.weights.describe());
  }
  ops::convert(ctx, act.weights, flat(batch.weights));
}

// Rows without any weight need no logits: prompts, padding. On a device nobody looks, so that every pass asks for the same work.
bool counts_nowhere(const Tensor& weights) {
  if (!weights.on_host()) return false;
  const float* w = weights.as<const float>();
  return std::all_of(w, w + weights.size(), [](float weight) { return weight == 0; });
}

// Losses, and with `gradients` also act.d_hidden and the head's gradient, a chunk of rows at a time.
void head_forward_backward(Context& ctx, const Parameters& params, Parameters* gradients, Activations& act, const Batch& batch,
                           double z_loss) {
  const std::int64_t N = act.hidden.shape[0], R = act.logits_chunk.shape[0];
  const Tensor targets = flat(batch.targets), weights = flat(batch.weights);
  for (std::int64_t begin = 0; begin < N; begin += R) {
    const std::int64_t end = std::min(N, begin + R);
    if (counts_nowhere(weights.rows(begin, end))) {
      zero(act.losses.rows(begin, end));
      if (gradients) zero(act.d_hidden.rows(begin, end));
      continue;
    }
    const Tensor hidden = act.hidden.rows(begin, end);            // [R, D]
    const Tensor logits = act.logits_chunk.rows(0, end - begin);  // [R, V]
    ops::matmul(ctx, logits, hidden, Transpose::no, params.head(), Transpose::yes);
    ops::cross_entropy(ctx, act.losses.rows(begin, end), logits, targets.rows(begin, end), act.weights.rows(begin, end),
                       gradients != nullptr, z_loss);
    if (!gradients) continue;
    ops::matmul(ctx, act.d_hidden.rows(begin, end), logits, Transpose::no, params.head(), Transpose::no);  // [R, D]
    ops::matmul(ctx, gradients->head(), logits, Transpose::yes, hidden, Transpose::no, true);              // [V, D]
  }
}

}  // namespace

Tensor forward_hidden(Context& ctx, const Parameters& params, Activations& act, const Batch& batch) {
  check_batch(params, act, batch);
  const ModelConfig& config = params.config();
  const std::int64_t B = batch.tokens.shape[0], T = batch.tokens.shape[1];
  const TokenPlaces places = places_of(act, batch);
  act.shape(B, T);

  ops::embedding_forward(ctx, act.block(0).x, params.embedding(), flat(batch.tokens));  // [N, D]
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    act.leave(layer);
    BlockActivations& block = act.block(layer);
    const Tensor keys = block.k.reshape({B, T, config.kv_heads, config.head_width});
    const Tensor values = block.v.reshape({B, T, config.kv_heads, config.head_width});
    block_forward(ctx, config, params.layer(layer), places, block, keys, values, act.output_of(layer));  // [N, D]
  }
  ops::rmsnorm_forward(ctx, act.hidden, act.final_inv_rms, act.final_x, params.final_norm(), config.norm_eps);  // [N, D]
  return act.hidden;
}

double train_forward_backward(Context& ctx, const Parameters& params, Parameters& gradients, Activations& act, const Batch& batch,
                              double z_loss) {
  train_forward(ctx, params, gradients, act, batch, z_loss);
  train_backward(ctx, params, gradients, act, batch);
  return sum_of_losses(act);
}

void train_forward(Context& ctx, const Parameters& params, Parameters& gradients, Activations& act, const Batch& batch,
                   double z_loss) {
  if (act.purpose() != Purpose::training) fail("gradients need activations planned for training");
  if (gradients.dtype() != statistics_type(params.dtype())) {
    fail("gradients of {} parameters are {}, not {}", dtype_name(params.dtype()), dtype_name(statistics_type(params.dtype())),
         dtype_name(gradients.dtype()));
  }
  forward_hidden(ctx, params, act, batch);
  take_weights(ctx, act, batch);
  head_forward_backward(ctx, params, &gradients, act, batch, z_loss);
}

// In the order of the tokens.
double sum_of_losses(const Activations& act) {
  double total = 0;
  in_waves(act.losses, [&](const Tensor& losses) {
    for (std::int64_t i = 0; i < losses.size(); ++i) {
      total += losses.dtype == Dtype::f64 ? losses.as<const double>()[i] : double(losses.as<const float>()[i]);
    }
  });
  return total;
}

void train_backward(Context& ctx, const Parameters& params, Parameters& gradients, Activations& act, const Batch& batch) {
  const ModelConfig& config = params.config();
  ops::rmsnorm_backward(ctx, act.dx, gradients.final_norm(), act.d_hidden, act.final_x, params.final_norm(), act.final_inv_rms);
  const TokenPlaces places = places_of(act, batch);
  for (std::int64_t layer = config.layers - 1; layer >= 0; --layer) {
    act.fetch(layer);
    block_backward(ctx, config, params.layer(layer), gradients.layer(layer), places, act.block(layer), act.gradients, act.dx,
                   act.recompute());
    act.arrive(layer);
  }
  ops::embedding_backward(ctx, gradients.embedding(), act.dx, flat(batch.tokens));
}

double forward_loss(Context& ctx, const Parameters& params, Activations& act, const Batch& batch) {
  forward_hidden(ctx, params, act, batch);
  take_weights(ctx, act, batch);
  head_forward_backward(ctx, params, nullptr, act, batch, 0);
  return sum_of_losses(act);
}

void head_logits(Context& ctx, const Parameters& params, Tensor hidden, Tensor logits) {
  ops::matmul(ctx, logits, hidden, Transpose::no, params.head(), Transpose::yes);
}

void forward_logits(Context& ctx, const Parameters& params, Activations& act, const Batch& batch, Tensor logits) {
  head_logits(ctx, params, forward_hidden(ctx, params, act, batch), logits);
}

}  // namespace cairn::model
