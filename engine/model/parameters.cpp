#include "engine/model/parameters.h"

#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "base/error.h"
#include "base/random.h"
#include "kernels/arena.h"

namespace cairn::model {

struct Parameters::State {
  ModelConfig config;
  Dtype dtype;
  Tensor embedding, final_norm, head, flat;
  std::vector<LayerParameters> layers;
  std::vector<NamedTensor> all;
  Arena arena;
};

Parameters::Parameters(const ModelConfig& config, Dtype dtype) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.config = config;
  s.dtype = dtype;
  s.layers.resize(std::size_t(config.layers));

  const std::int64_t D = config.width, F = config.mlp_width, V = config.vocab, E = config.head_width;
  const std::int64_t HE = config.heads * E, KE = config.kv_heads * E;
  ArenaPlan plan;
  std::vector<std::pair<Tensor*, ArenaSlot>> slots;
  const auto add = [&](std::string name, Tensor& tensor, std::initializer_list<std::int64_t> sizes) {
    slots.emplace_back(&tensor, plan.add(name, dtype, sizes));
    s.all.push_back({std::move(name), {}, sizes.size() == 2});
  };
  add("model.embed_tokens.weight", s.embedding, {V, D});
  for (std::size_t i = 0; i < s.layers.size(); ++i) {
    LayerParameters& layer = s.layers[i];
    const std::string at = fmt::format("model.layers.{}.", i);
    add(at + "attention_layernorm.weight", layer.attention_norm, {D});
    add(at + "self_attn.q_proj.weight", layer.wq, {HE, D});
    add(at + "self_attn.k_proj.weight", layer.wk, {KE, D});
    add(at + "self_attn.v_proj.weight", layer.wv, {KE, D});
    add(at + "self_attn.q_norm.weight", layer.q_norm, {E});
    add(at + "self_attn.k_norm.weight", layer.k_norm, {E});
    add(at + "self_attn.o_proj.weight", layer.wo, {D, HE});
    add(at + "feedforward_layernorm.weight", layer.mlp_norm, {D});
    add(at + "mlp.up_proj.weight", layer.w_up, {F, D});
    add(at + "mlp.act_fn.alpha_p", layer.alpha_p, {1});
    add(at + "mlp.act_fn.alpha_n", layer.alpha_n, {1});
    add(at + "mlp.down_proj.weight", layer.w_down, {D, F});
  }
  add("model.norm.weight", s.final_norm, {D});
  add("lm_head.weight", s.head, {V, D});

  s.arena = Arena(plan);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    *slots[i].first = s.arena.tensor(slots[i].second);
    s.all[i].tensor = *slots[i].first;
  }
  s.flat = Tensor(s.embedding.data, dtype, {plan.bytes() / dtype_bytes(dtype)});
}

Parameters::~Parameters() = default;
Parameters::Parameters(Parameters&&) noexcept = default;
Parameters& Parameters::operator=(Parameters&&) noexcept = default;

const ModelConfig& Parameters::config() const {
  return state_->config;
}
Dtype Parameters::dtype() const {
  return state_->dtype;
}
Tensor Parameters::embedding() const {
  return state_->embedding;
}
Tensor Parameters::final_norm() const {
  return state_->final_norm;
}
Tensor Parameters::head() const {
  return state_->head;
}
const LayerParameters& Parameters::layer(std::int64_t index) const {
  return state_->layers.at(std::size_t(index));
}
const std::vector<NamedTensor>& Parameters::all() const {
  return state_->all;
}
Tensor Parameters::flat() const {
  return state_->flat;
}
void Parameters::zero() {
  std::memset(state_->flat.data, 0, std::size_t(state_->flat.bytes()));
}

void Parameters::copy_from(const Parameters& other) {
  if (other.dtype() != dtype() || other.flat().size() != flat().size())
    fail("parameters of another shape or type cannot be copied here");
  std::memcpy(flat().data, other.flat().data, std::size_t(flat().bytes()));
}

namespace {

void fill(Tensor tensor, double value) {
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    if (tensor.dtype == Dtype::f64) {
      tensor.as<double>()[i] = value;
    } else {
      tensor.as<float>()[i] = float(value);
    }
  }
}

void fill_normal(Tensor tensor, double deviation, const Random& random) {
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const double value = deviation * random.normal(std::uint64_t(i));
    if (tensor.dtype == Dtype::f64) {
      tensor.as<double>()[i] = value;
    } else {
      tensor.as<float>()[i] = float(value);
    }
  }
}

constexpr double kDeviation = 0.008944;
constexpr double kAlphaP = 0.2033823208110246;   // softplus(.) = 0.8
constexpr double kAlphaN = -1.0502256128148468;  // 0.5 + softplus(.) = 0.8

bool ends_with(const std::string& text, std::string_view ending) {
  return text.size() >= ending.size() && text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

}  // namespace

void initialise(Parameters& parameters, std::uint64_t seed) {
  if (parameters.dtype() != Dtype::f32 && parameters.dtype() != Dtype::f64)
    fail("weights are initialised as float32 or float64 only");
  const double residual_deviation = kDeviation / std::sqrt(2.0 * double(parameters.config().layers));
  for (const NamedTensor& named : parameters.all()) {
    if (ends_with(named.name, "alpha_p")) {
      fill(named.tensor, kAlphaP);
    } else if (ends_with(named.name, "alpha_n")) {
      fill(named.tensor, kAlphaN);
    } else if (named.tensor.dims == 1) {
      fill(named.tensor, 1);
    } else {
      const bool residual = ends_with(named.name, "o_proj.weight") || ends_with(named.name, "down_proj.weight");
      fill_normal(named.tensor, residual ? residual_deviation : kDeviation, Random(seed, "init " + named.name));
    }
  }
}

}  // namespace cairn::model
