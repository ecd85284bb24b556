#include "engine/model/activations.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/copy_lanes.h"

namespace cairn::model {
namespace {

// Rows of logits that are made at a time: some 4 million values, at least 256 rows. Each chunk reads the head and adds to its
// whole gradient, so that few rows make the head wait for memory: of small-60m's, 64 rows take a tenth longer than 128.
// On a device some 512 million: a product needs thousands of rows to fill it (spec/training.md §2.4).
std::int64_t logits_rows(const ModelConfig& config, std::int64_t max_tokens, bool on_device) {
  constexpr std::int64_t kElements = 1 << 22, kDeviceElements = 1 << 29, kLeast = 256;
  return std::min(max_tokens, std::max(kLeast, (on_device ? kDeviceElements : kElements) / config.vocab));
}

// One tensor of a block. Columns 0: a vector of N * rows_per_token statistics.
struct BlockTensor {
  const char* name;
  Tensor BlockActivations::*member;
  std::int64_t columns;
  std::int64_t rows_per_token = 1;
  bool kept = true;  // by each block for its backward
};

// Those that the architecture has, in the order in which the forward makes them.
std::vector<BlockTensor> block_tensors(const ModelConfig& config, const Recompute& recompute) {
  using A = BlockActivations;
  const std::int64_t D = config.width, F = config.mlp_width, H = config.heads, K = config.kv_heads, E = config.head_width;
  const Architecture& architecture = config.architecture;
  const bool on_input = architecture.norm == NormPlacement::input, qk_norm = architecture.qk_norm != QkNorm::none;
  const std::int64_t q_norms = architecture.qk_norm == QkNorm::head ? H : 1,
                     k_norms = architecture.qk_norm == QkNorm::head ? K : 1;
  const bool attention = recompute.keeps_attention(), mlp = recompute.keeps_mlp();

  std::vector<BlockTensor> all;
  const auto add = [&](bool present, BlockTensor tensor) {
    if (present) all.push_back(tensor);
  };
  add(true, {"x", &A::x, D});
  add(true, {"attention_inv_rms", &A::attention_inv_rms, 0});
  add(on_input, {"a", &A::a, D, 1, recompute.keeps_norm_of_x()});
  add(qk_norm, {"q_raw", &A::q_raw, H * E, 1, attention});
  add(qk_norm, {"k_raw", &A::k_raw, K * E, 1, attention});
  add(qk_norm, {"q_inv_rms", &A::q_inv_rms, 0, q_norms, attention});
  add(qk_norm, {"k_inv_rms", &A::k_inv_rms, 0, k_norms, attention});
  add(true, {"q", &A::q, H * E, 1, attention});
  add(true, {"k", &A::k, K * E, 1, attention});
  add(true, {"v", &A::v, K * E, 1, attention});
  add(true, {"o", &A::o, H * E, 1, attention});
  add(true, {"lse", &A::lse, 0, H, attention});
  add(!on_input, {"attention_out", &A::attention_out, D, 1, attention});
  add(true, {"x_mid", &A::x_mid, D, 1, !recompute.residual});
  add(true, {"mlp_inv_rms", &A::mlp_inv_rms, 0});
  add(on_input, {"m", &A::m, D, 1, recompute.keeps_norm_of_mid()});
  add(architecture.gated(), {"gate", &A::gate, F, 1, mlp});
  add(true, {"u", &A::u, F, 1, mlp});
  add(true, {"g", &A::g, F, 1, recompute.keeps_activation()});
  add(!on_input, {"mlp_out", &A::mlp_out, D, 1, mlp});
  return all;
}

}  // namespace

ArenaSlot Activations::plan_rows(const std::string& name, std::int64_t columns, std::int64_t rows_per_token) {
  const std::int64_t rows = max_tokens_ * rows_per_token;
  return columns == 0 ? plan_.add(name, statistics_type(dtype_), {rows}) : plan_.add(name, dtype_, {rows, columns});
}

void Activations::add(const std::string& name, Tensor& tensor, std::int64_t columns, std::int64_t rows_per_token) {
  per_token_.push_back({&tensor, plan_rows(name, columns, rows_per_token), rows_per_token});
}

// What blocks keep, block by block, then what they share.
void Activations::add_blocks() {
  const std::vector<BlockTensor> tensors = block_tensors(config_, recompute_);
  std::array<ArenaSlot, 2> residual_slots;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const std::string at = purpose_ == Purpose::training ? fmt::format("block.{}.", i) : "block.";
    for (const BlockTensor& t : tensors) {
      const bool shared = options_.residuals_beside && t.member == &BlockActivations::x;  // blocks take turns in two
      if (shared && i >= 2) {
        per_token_.push_back({&blocks_[i].x, residual_slots[i % 2], 1});
      } else if (t.kept) {
        add(shared ? "blocks.x" : at + t.name, blocks_[i].*t.member, t.columns, t.rows_per_token);
        if (shared) residual_slots[i] = per_token_.back().slot;
      }
    }
  }
}

// Memory that is taken in turns: by the head; then, block by block, by what is computed again and by the gradients inside of the
// MLP and of attention.
void Activations::add_scratch() {
  const std::int64_t D = config_.width, F = config_.mlp_width, HE = config_.heads * config_.head_width,
                     KE = config_.kv_heads * config_.head_width;
  const std::int64_t begin = plan_.mark();
  add("head.hidden", hidden, D);
  logits_ = plan_.add("head.logits_chunk", dtype_, {logits_rows(config_, max_tokens_, on_device_), config_.vocab});
  if (purpose_ == Purpose::forward_only) return;
  add("head.d_hidden", d_hidden, D);

  plan_.release(begin);
  for (const BlockTensor& t : block_tensors(config_, recompute_)) {
    if (t.kept) continue;
    const ArenaSlot slot = plan_rows(std::string("blocks.") + t.name, t.columns, t.rows_per_token);
    for (BlockActivations& block : blocks_) per_token_.push_back({&(block.*t.member), slot, t.rows_per_token});
  }
  add("d_normed", gradients.d_normed, D);
  const std::int64_t sublayer = plan_.mark();
  add("mlp.du", gradients.du, F);
  if (config_.architecture.gated()) {
    add("mlp.d_gate", gradients.d_gate, F);
    add("mlp.dg", gradients.dg, F);
  } else {
    per_token_.push_back({&gradients.dg, per_token_.back().slot, 1});
  }

  plan_.release(sublayer);
  add("attention.d_o", gradients.d_o, HE);
  add("attention.dq", gradients.dq, HE);
  add("attention.dk", gradients.dk, KE);
  add("attention.dv", gradients.dv, KE);
  if (config_.architecture.qk_norm != QkNorm::none) {
    add("attention.dq_raw", gradients.dq_raw, HE);
    add("attention.dk_raw", gradients.dk_raw, KE);
  }
}

// Room for the largest of each kind: what stands before or behind a linear layer; and for all weights.
void Activations::add_fp8() {
  const std::int64_t room = max_tokens_ * std::max({config_.width, config_.mlp_width, config_.heads * config_.head_width});
  for (const auto& [name, tensor] : {std::pair{"fp8.input", &fp8_.input},
                                     {"fp8.gradient", &fp8_.gradient},
                                     {"fp8.gradient_transposed", &fp8_.gradient_transposed}}) {
    fp8_slots_.emplace_back(tensor, plan_.add(name, Dtype::fp8_e4m3, {room}));
  }
  const Dtype S = statistics_type(dtype_);
  for (Tensor* tensor : {&fp8_.gradient_amax, &fp8_.input_scale, &fp8_.gradient_scale})
    fp8_slots_.emplace_back(tensor, plan_.add("fp8.scale", S, {1}));
  for (BlockActivations& block : blocks_) {
    fp8_slots_.emplace_back(&block.amax.all, plan_.add("fp8.maxima", S, {4}));
    std::vector<Fp8WeightSlots>& slots = fp8_weights_.emplace_back();
    for (const LayerParameter& parameter : layer_parameters(config_)) {
      if (!parameter.is_matrix()) continue;
      const auto add = [&](std::int64_t rows, std::int64_t columns) {
        return plan_.add("fp8.weights", Dtype::fp8_e4m3, {rows, columns});
      };
      slots.push_back(
          {add(parameter.rows, parameter.columns), add(parameter.columns, parameter.rows), plan_.add("fp8.scale", S, {1})});
    }
  }
}

void Activations::take_fp8() {
  for (const auto& [tensor, slot] : fp8_slots_) *tensor = arena_.tensor(slot);
  for (BlockActivations& block : blocks_) {
    block.fp8 = &fp8_;
    InputMaxima& max = block.amax;
    std::int64_t at = 0;
    for (Tensor* each : {&max.attention, &max.attention_output, &max.mlp, &max.mlp_output}) {
      *each = max.all.rows(at, at + 1);
      ++at;
    }
  }
}

void Activations::make_fp8_weights(Context& context, const Parameters& parameters) {
  fp8_.weights.clear();
  for (std::size_t layer = 0; layer < fp8_weights_.size(); ++layer) {
    auto slots = fp8_weights_[layer].begin();
    for (const LayerParameter& parameter : layer_parameters(config_)) {
      if (!parameter.is_matrix()) continue;
      const Tensor matrix = parameters.layer(std::int64_t(layer)).*parameter.member;
      const Fp8Weight made{arena_.tensor(slots->values), arena_.tensor(slots->transposed), arena_.tensor(slots->scale)};
      ++slots;
      zero(fp8_.gradient_amax);
      ops::absolute_max(context, fp8_.gradient_amax, matrix);
      ops::quantize(context, made.values, made.transposed, made.scale, matrix, fp8_.gradient_amax);
      fp8_.weights.emplace(matrix.data, made);
    }
  }
}

Activations::Activations(PlanOnly, const ModelConfig& config, Dtype dtype, std::int64_t max_tokens, Purpose purpose,
                         std::int64_t max_positions, const Recompute& recompute, bool on_device, const PassOptions& options)
    : config_(config),
      dtype_(dtype),
      purpose_(purpose),
      recompute_(purpose == Purpose::training ? recompute : Recompute{}),
      max_tokens_(max_tokens),
      on_device_(on_device),
      options_(purpose == Purpose::training ? options : PassOptions{}) {
  if (max_tokens < 1) fail("activations need room for at least one token");
  const std::int64_t positions = max_positions == 0 ? max_tokens : max_positions;
  cos_ = plan_.add("cos", statistics_type(dtype), {positions, config.head_width / 2});
  sin_ = plan_.add("sin", statistics_type(dtype), {positions, config.head_width / 2});
  blocks_.resize(purpose == Purpose::training ? std::size_t(config.layers) : 1);
  add_blocks();
  add("final_inv_rms", final_inv_rms, 0);
  add("losses", losses, 0);
  add("weights", weights, 0);
  if (purpose == Purpose::training) {
    add("final_x", final_x, config.width);
    add("dx", dx, config.width);
  }
  if (options_.fp8) add_fp8();
  add_scratch();
}

Activations::Activations(const ModelConfig& config, Dtype dtype, std::int64_t max_tokens, Purpose purpose,
                         std::int64_t max_positions, const Recompute& recompute, Memory* memory, const PassOptions& options)
    : Activations(PlanOnly{}, config, dtype, max_tokens, purpose, max_positions, recompute, memory != nullptr, options) {
  arena_ = Arena(plan_, memory);
  ArenaPlan beside;
  for (std::int64_t layer = 0; travels(layer); ++layer) residuals_.push_back(beside.add("x", dtype, {max_tokens, config.width}));
  if (!residuals_.empty()) beside_ = Arena(beside, Place(memory, true));
  cos = arena_.tensor(cos_);
  sin = arena_.tensor(sin_);
  logits_chunk = arena_.tensor(logits_);
  if (options_.fp8) take_fp8();
  set_rope(config.rope_theta, config.rope_scaling);
  shape(1, max_tokens);
}

ArenaPlan plan_activations(const ModelConfig& config, Dtype dtype, std::int64_t max_tokens, Purpose purpose,
                           std::int64_t max_positions, const Recompute& recompute, bool on_device, const PassOptions& options) {
  return Activations(Activations::PlanOnly{}, config, dtype, max_tokens, purpose, max_positions, recompute, on_device, options)
      .plan_;
}

std::int64_t plan_residuals_beside(const ModelConfig& config, Dtype dtype, std::int64_t max_tokens) {
  return std::max<std::int64_t>(0, config.layers - 2) * max_tokens * config.width * dtype_bytes(dtype);
}

// The last two stay: the backward begins with them.
bool Activations::travels(std::int64_t layer) const {
  return options_.residuals_beside && layer >= 0 && layer + 2 < config_.layers;
}

Tensor Activations::residual(std::int64_t layer) const {
  return beside_.tensor(residuals_[std::size_t(layer)]).rows(0, blocks_[std::size_t(layer)].x.shape[0]);
}

// x of `layer` goes out while its block computes. The block's y goes to where the x before lies, which has left by then.
void Activations::leave(std::int64_t layer) {
  using Lane = CopyLanes::Lane;
  if (travels(layer - 1)) copy_lanes(arena_.memory())->order(Lane::out, Lane::work);
  if (!travels(layer)) return;
  const Tensor x = block(layer).x;
  copy_lanes(arena_.memory())->order(Lane::work, Lane::out);
  copy_lanes(arena_.memory())->copy_out(residual(layer).data, x.data, std::size_t(x.bytes()));
}

// x of the block below comes to where that of the block above lay, which is done.
void Activations::fetch(std::int64_t layer) {
  if (!travels(layer - 1)) return;
  const Tensor x = block(layer - 1).x;
  copy_lanes(arena_.memory())->order(CopyLanes::Lane::work, CopyLanes::Lane::in);
  copy_lanes(arena_.memory())->copy_in(x.data, residual(layer - 1).data, std::size_t(x.bytes()));
}

void Activations::arrive(std::int64_t layer) {
  if (travels(layer - 1)) copy_lanes(arena_.memory())->order(CopyLanes::Lane::in, CopyLanes::Lane::work);
}

void Activations::set_rope(double theta, const RopeScaling& scaling) {
  ArenaPlan plan;
  const auto like = [&](const Tensor& table) { return plan.add("table", table.dtype, {table.shape[0], table.shape[1]}); };
  const ArenaSlot host_cos = like(cos), host_sin = like(sin);
  const Arena host(plan);
  rope_table(host.tensor(host_cos), host.tensor(host_sin), theta, scaling);
  copy(cos, host.tensor(host_cos));
  copy(sin, host.tensor(host_sin));
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
