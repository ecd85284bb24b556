#include "engine/model/activations.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"

namespace cairn::model {
namespace {

// Rows of logits that are made at a time: some 4 MB in float32, at least 64 rows so that products stay efficient.
std::int64_t logits_rows(const ModelConfig& config, std::int64_t max_tokens) {
  constexpr std::int64_t kElements = 1 << 20;
  return std::min(max_tokens, std::max<std::int64_t>(64, kElements / config.vocab));
}

}  // namespace

void Activations::add(std::string name, Tensor& tensor, std::int64_t columns, std::int64_t rows_per_token) {
  const std::int64_t rows = max_tokens_ * rows_per_token;
  const ArenaSlot slot =
      columns == 0 ? plan_.add(std::move(name), dtype_, {rows}) : plan_.add(std::move(name), dtype_, {rows, columns});
  per_token_.push_back({&tensor, slot, rows_per_token});
}

void Activations::add_block(const std::string& at, BlockActivations& block) {
  const std::int64_t D = config_.width, F = config_.mlp_width, H = config_.heads, K = config_.kv_heads, E = config_.head_width;
  add(at + "x", block.x, D);
  add(at + "x_inv_rms", block.x_inv_rms, 0);
  add(at + "a", block.a, D);
  add(at + "q_raw", block.q_raw, H * E);
  add(at + "k_raw", block.k_raw, K * E);
  add(at + "q_inv_rms", block.q_inv_rms, 0, H);
  add(at + "k_inv_rms", block.k_inv_rms, 0, K);
  add(at + "q", block.q, H * E);
  add(at + "k", block.k, K * E);
  add(at + "v", block.v, K * E);
  add(at + "o", block.o, H * E);
  add(at + "lse", block.lse, 0, H);
  add(at + "x_mid", block.x_mid, D);
  add(at + "x_mid_inv_rms", block.x_mid_inv_rms, 0);
  add(at + "m", block.m, D);
  add(at + "u", block.u, F);
  add(at + "g", block.g, F);
}

void Activations::add_gradients() {
  const std::int64_t D = config_.width, F = config_.mlp_width, HE = config_.heads * config_.head_width,
                     KE = config_.kv_heads * config_.head_width;
  add("d_hidden", d_hidden, D);
  add("dx", dx, D);
  add("d_normed", gradients.d_normed, D);
  add("d_input", gradients.d_input, D);
  add("dq", gradients.dq, HE);
  add("dk", gradients.dk, KE);
  add("dv", gradients.dv, KE);
  add("dq_raw", gradients.dq_raw, HE);
  add("dk_raw", gradients.dk_raw, KE);
  add("d_o", gradients.d_o, HE);
  add("du", gradients.du, F);
  add("dg", gradients.dg, F);
}

Activations::Activations(PlanOnly, const ModelConfig& config, Dtype dtype, std::int64_t max_tokens, Purpose purpose,
                         std::int64_t max_positions)
    : config_(config), dtype_(dtype), purpose_(purpose), max_tokens_(max_tokens) {
  if (max_tokens < 1) fail("activations need room for at least one token");
  const std::int64_t positions = max_positions == 0 ? max_tokens : max_positions;
  cos_ = plan_.add("cos", dtype, {positions, config.head_width / 2});
  sin_ = plan_.add("sin", dtype, {positions, config.head_width / 2});
  blocks_.resize(purpose == Purpose::training ? std::size_t(config.layers) : 1);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    add_block(purpose == Purpose::training ? fmt::format("block.{}.", i) : "block.", blocks_[i]);
  }
  if (purpose == Purpose::training) add("final_x", final_x, config.width);
  add("final_inv_rms", final_inv_rms, 0);
  add("hidden", hidden, config.width);
  add("losses", losses, 0);
  add("weights", weights, 0);
  logits_ = plan_.add("logits_chunk", dtype, {logits_rows(config, max_tokens), config.vocab});
  if (purpose == Purpose::training) add_gradients();
}

Activations::Activations(const ModelConfig& config, Dtype dtype, std::int64_t max_tokens, Purpose purpose,
                         std::int64_t max_positions)
    : Activations(PlanOnly{}, config, dtype, max_tokens, purpose, max_positions) {
  arena_ = Arena(plan_);
  cos = arena_.tensor(cos_);
  sin = arena_.tensor(sin_);
  logits_chunk = arena_.tensor(logits_);
  rope_table(cos, sin, config.rope_theta, config.rope_scaling);
  shape(1, max_tokens);
}

ArenaPlan plan_activations(const ModelConfig& config, Dtype dtype, std::int64_t max_tokens, Purpose purpose,
                           std::int64_t max_positions) {
  return Activations(Activations::PlanOnly{}, config, dtype, max_tokens, purpose, max_positions).plan_;
}

void Activations::shape(std::int64_t B, std::int64_t T) {
  const std::int64_t N = B * T;
  if (B < 1 || T < 1 || N > max_tokens_) fail("a batch of {} x {} tokens; room was planned for 1..{}", B, T, max_tokens_);
  for (const PerToken& item : per_token_) *item.tensor = arena_.tensor(item.slot).rows(0, N * item.rows_per_token);
  for (BlockActivations& block : blocks_) block.lse = block.lse.reshape({B, config_.heads, T});
  if (purpose_ == Purpose::forward_only) final_x = blocks_[0].x;
}

Tensor Activations::output_of(std::int64_t layer) {
  if (purpose_ == Purpose::forward_only || layer + 1 == config_.layers) return final_x;
  return blocks_[std::size_t(layer) + 1].x;
}

}  // namespace cairn::model
