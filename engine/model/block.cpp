#include "engine/model/block.h"

#include <cmath>

namespace cairn::model {
namespace {

constexpr Transpose kNo = Transpose::no, kYes = Transpose::yes;
constexpr bool kAccumulate = true;

double attention_scale(const ModelConfig& config) {
  return 1.0 / std::sqrt(double(config.head_width));
}

}  // namespace

void block_forward(Context& ctx, const ModelConfig& config, const LayerParameters& p, const TokenPlaces& places,
                   BlockActivations& block, Tensor keys, Tensor values, Tensor y) {
  const std::int64_t B = keys.shape[0], H = config.heads, K = config.kv_heads, E = config.head_width;
  const std::int64_t N = block.x.shape[0], T = N / B;
  const auto heads = [&](Tensor t, std::int64_t count) { return t.reshape({N, count, E}); };

  // x_mid = x + attention(norm(x))
  ops::rmsnorm_forward(ctx, block.a, block.x_inv_rms, block.x, p.attention_norm, config.norm_eps);  // [N, D]
  ops::matmul(ctx, block.q_raw, block.a, kNo, p.wq, kYes);                                          // [N, H*E]
  ops::matmul(ctx, block.k_raw, block.a, kNo, p.wk, kYes);                                          // [N, K*E]
  ops::matmul(ctx, block.v, block.a, kNo, p.wv, kYes);                                              // [N, K*E]
  ops::rmsnorm_forward(ctx, heads(block.q, H), block.q_inv_rms, heads(block.q_raw, H), p.q_norm, config.norm_eps);
  ops::rmsnorm_forward(ctx, heads(block.k, K), block.k_inv_rms, heads(block.k_raw, K), p.k_norm, config.norm_eps);
  ops::rope_forward(ctx, heads(block.q, H), heads(block.q, H), places.cos, places.sin, places.positions);
  ops::rope_forward(ctx, heads(block.k, K), heads(block.k, K), places.cos, places.sin, places.positions);
  ops::attention_forward(ctx, block.o.reshape({B, T, H, E}), block.lse, block.q.reshape({B, T, H, E}), keys, values,
                         places.first_key,
                         attention_scale(config));          // [B, T, H, E]
  ops::matmul(ctx, block.x_mid, block.o, kNo, p.wo, kYes);  // [N, D]
  ops::add(ctx, block.x_mid, block.x_mid, block.x);

  // y = x_mid + mlp(norm(x_mid))
  ops::rmsnorm_forward(ctx, block.m, block.x_mid_inv_rms, block.x_mid, p.mlp_norm, config.norm_eps);  // [N, D]
  ops::matmul(ctx, block.u, block.m, kNo, p.w_up, kYes);                                              // [N, F]
  ops::xielu_forward(ctx, block.g, block.u, p.alpha_p, p.alpha_n);                                    // [N, F]
  ops::matmul(ctx, y, block.g, kNo, p.w_down, kYes);                                                  // [N, D]
  ops::add(ctx, y, y, block.x_mid);
}

void block_backward(Context& ctx, const ModelConfig& config, const LayerParameters& p, LayerParameters grad,
                    const TokenPlaces& places, const BlockActivations& block, BlockGradients& d, Tensor dx) {
  const std::int64_t B = block.lse.shape[0], H = config.heads, K = config.kv_heads, E = config.head_width;
  const std::int64_t N = block.x.shape[0], T = N / B;
  const auto heads = [&](Tensor t, std::int64_t count) { return t.reshape({N, count, E}); };
  const auto sequences = [&](Tensor t, std::int64_t count) { return t.reshape({B, T, count, E}); };

  // y = x_mid + mlp(norm(x_mid))
  ops::matmul(ctx, d.dg, dx, kNo, p.w_down, kNo);                                                   // [N, F]
  ops::matmul(ctx, grad.w_down, dx, kYes, block.g, kNo, kAccumulate);                               // [D, F]
  ops::xielu_backward(ctx, d.du, grad.alpha_p, grad.alpha_n, d.dg, block.u, p.alpha_p, p.alpha_n);  // [N, F]
  ops::matmul(ctx, d.d_normed, d.du, kNo, p.w_up, kNo);                                             // [N, D]
  ops::matmul(ctx, grad.w_up, d.du, kYes, block.m, kNo, kAccumulate);                               // [F, D]
  ops::rmsnorm_backward(ctx, d.d_input, grad.mlp_norm, d.d_normed, block.x_mid, p.mlp_norm, block.x_mid_inv_rms);
  ops::add(ctx, dx, dx, d.d_input);  // [N, D], of x_mid

  // x_mid = x + attention(norm(x))
  ops::matmul(ctx, d.d_o, dx, kNo, p.wo, kNo);                     // [N, H*E]
  ops::matmul(ctx, grad.wo, dx, kYes, block.o, kNo, kAccumulate);  // [D, H*E]
  ops::attention_backward(ctx, sequences(d.dq, H), sequences(d.dk, K), sequences(d.dv, K), sequences(d.d_o, H),
                          sequences(block.q, H), sequences(block.k, K), sequences(block.v, K), sequences(block.o, H), block.lse,
                          places.first_key, attention_scale(config));
  ops::rope_backward(ctx, heads(d.dk, K), heads(d.dk, K), places.cos, places.sin, places.positions);
  ops::rope_backward(ctx, heads(d.dq, H), heads(d.dq, H), places.cos, places.sin, places.positions);
  ops::rmsnorm_backward(ctx, heads(d.dk_raw, K), grad.k_norm, heads(d.dk, K), heads(block.k_raw, K), p.k_norm, block.k_inv_rms);
  ops::rmsnorm_backward(ctx, heads(d.dq_raw, H), grad.q_norm, heads(d.dq, H), heads(block.q_raw, H), p.q_norm, block.q_inv_rms);
  ops::matmul(ctx, d.d_normed, d.dv, kNo, p.wv, kNo);  // [N, D]
  ops::matmul(ctx, d.d_normed, d.dk_raw, kNo, p.wk, kNo, kAccumulate);
  ops::matmul(ctx, d.d_normed, d.dq_raw, kNo, p.wq, kNo, kAccumulate);
  ops::matmul(ctx, grad.wv, d.dv, kYes, block.a, kNo, kAccumulate);      // [K*E, D]
  ops::matmul(ctx, grad.wk, d.dk_raw, kYes, block.a, kNo, kAccumulate);  // [K*E, D]
  ops::matmul(ctx, grad.wq, d.dq_raw, kYes, block.a, kNo, kAccumulate);  // [H*E, D]
  ops::rmsnorm_backward(ctx, d.d_input, grad.attention_norm, d.d_normed, block.x, p.attention_norm, block.x_inv_rms);
  ops::add(ctx, dx, dx, d.d_input);  // [N, D], of x
}

}  // namespace cairn::model
