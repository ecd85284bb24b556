#include "engine/model/parameters.h"

#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/random.h"
#include "engine/model/family.h"
#include "kernels/arena.h"

namespace cairn::model {

std::vector<LayerParameter> layer_parameters(const ModelConfig& config) {
  using L = LayerParameters;
  const Architecture& architecture = config.architecture;
  const FamilyFacts& family = facts_of(architecture.family);
  const std::int64_t D = config.width, F = config.mlp_width, E = config.head_width;
  const std::int64_t HE = config.heads * E, KE = config.kv_heads * E;
  std::vector<LayerParameter> all;
  const auto matrix = [&](std::string name, Tensor L::*member, std::int64_t rows, std::int64_t columns) {
    all.push_back({name + ".weight", member, rows, columns});
  };
  const auto vector = [&](std::string name, Tensor L::*member, std::int64_t size, bool present = true) {
    if (present) all.push_back({std::move(name), member, size, 0});
  };
  const auto linear = [&](const std::string& name, Tensor L::*weight, Tensor L::*bias, std::int64_t out, std::int64_t in,
                          bool with_bias) {
    matrix(name, weight, out, in);
    vector(name + ".bias", bias, out, with_bias);
  };
  const bool qk_norm = architecture.qk_norm != QkNorm::none, per_head = architecture.qk_norm == QkNorm::head;
  const bool xielu = architecture.activation == Activation::xielu;

  vector(std::string(family.attention_norm) + ".weight", &L::attention_norm, D);
  linear("self_attn.q_proj", &L::wq, &L::bq, HE, D, architecture.qkv_bias);
  linear("self_attn.k_proj", &L::wk, &L::bk, KE, D, architecture.qkv_bias);
  linear("self_attn.v_proj", &L::wv, &L::bv, KE, D, architecture.qkv_bias);
  vector("self_attn.q_norm.weight", &L::q_norm, per_head ? E : HE, qk_norm);
  vector("self_attn.k_norm.weight", &L::k_norm, per_head ? E : KE, qk_norm);
  linear("self_attn.o_proj", &L::wo, &L::bo, D, HE, architecture.output_bias);
  vector(std::string(family.mlp_norm) + ".weight", &L::mlp_norm, D);
  if (architecture.gated()) linear("mlp.gate_proj", &L::w_gate, &L::b_gate, F, D, architecture.mlp_bias);
  linear("mlp.up_proj", &L::w_up, &L::b_up, F, D, architecture.mlp_bias);
  vector("mlp.act_fn.alpha_p", &L::alpha_p, 1, xielu);
  vector("mlp.act_fn.alpha_n", &L::alpha_n, 1, xielu);
  linear("mlp.down_proj", &L::w_down, &L::b_down, D, F, architecture.mlp_bias);
  return all;
}

struct Parameters::State {
  ModelConfig config;
  Dtype dtype;
  Tensor embedding, final_norm, head;
  std::vector<LayerParameters> layers;
  std::vector<NamedTensor> all;
  Arena arena;
};

namespace {

// Calls add(name, tensor or null, rows, columns) for every parameter in canonical order.
template <typename State, typename Add>
void list_parameters(State& s, Add add) {
  const std::int64_t D = s.config.width, V = s.config.vocab;
  add("model.embed_tokens.weight", s.embedding, V, D);
  const std::vector<LayerParameter> in_layer = layer_parameters(s.config);
  for (std::size_t i = 0; i < s.layers.size(); ++i) {
    for (const LayerParameter& parameter : in_layer) {
      add(fmt::format("model.layers.{}.{}", i, parameter.name), s.layers[i].*parameter.member, parameter.rows, parameter.columns);
    }
  }
  add("model.norm.weight", s.final_norm, D, std::int64_t(0));
  if (!s.config.architecture.tied_embeddings) add("lm_head.weight", s.head, V, D);
}

}  // namespace

Parameters::Parameters(const ModelConfig& config, Dtype dtype, Place place) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.config = config;
  s.dtype = dtype;
  s.layers.resize(std::size_t(config.layers));

  const Dtype vectors = statistics_type(dtype);
  ArenaPlan plan;
  std::vector<std::pair<Tensor*, ArenaSlot>> slots;
  list_parameters(s, [&](std::string name, Tensor& tensor, std::int64_t rows, std::int64_t columns) {
    slots.emplace_back(&tensor, columns > 0 ? plan.add(name, dtype, {rows, columns}) : plan.add(name, vectors, {rows}));
    s.all.push_back({std::move(name), {}, columns > 0});
  });

  s.arena = Arena(plan, place);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    *slots[i].first = s.arena.tensor(slots[i].second);
    s.all[i].tensor = *slots[i].first;
  }
  if (config.architecture.tied_embeddings) s.head = s.embedding;
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
  if (dtype() != statistics_type(dtype())) fail("parameters of {} are of two types: there is no flat view", dtype_name(dtype()));
  return Tensor(state_->embedding.data, dtype(), {bytes() / dtype_bytes(dtype())}, memory());
}
std::int64_t Parameters::bytes() const {
  return state_->arena.plan().bytes();
}
Memory* Parameters::memory() const {
  return state_->arena.memory();
}
Place Parameters::place() const {
  return state_->arena.place();
}
void Parameters::zero() {
  state_->arena.zero();
}

void Parameters::copy_from(const Parameters& other) {
  if (other.dtype() != dtype() || other.bytes() != bytes()) fail("parameters of another shape or type cannot be copied here");
  copy(state_->arena.bytes(), other.state_->arena.bytes());
}

void Parameters::convert_from(Context& context, const Parameters& other) {
  if (other.all().size() != all().size()) fail("parameters of another shape cannot be converted");
  for (std::size_t i = 0; i < all().size(); ++i) convert_from(context, other, i);
}

void Parameters::convert_from(Context& context, const Parameters& other, std::size_t index) {
  ops::convert(context, all().at(index).tensor, other.all().at(index).tensor);
}

Parameters moved_to(Place place, Parameters parameters) {
  const Place now = parameters.place();
  if (now.memory == place.memory && now.beside == place.beside) return parameters;
  Parameters there(parameters.config(), parameters.dtype(), place);
  there.copy_from(parameters);
  return there;
}

std::int64_t parameter_bytes(const ModelConfig& config, Dtype dtype) {
  const Dtype vectors = statistics_type(dtype);
  const auto bytes_of = [&](std::int64_t rows, std::int64_t columns) {
    ArenaPlan plan;
    columns > 0 ? plan.add("", dtype, {rows, columns}) : plan.add("", vectors, {rows});
    return plan.bytes();
  };
  std::int64_t layer = 0;
  for (const LayerParameter& parameter : layer_parameters(config)) layer += bytes_of(parameter.rows, parameter.columns);
  const std::int64_t table = bytes_of(config.vocab, config.width);
  return config.layers * layer + table * (config.architecture.tied_embeddings ? 1 : 2) + bytes_of(config.width, 0);
}

namespace {

void set(Tensor tensor, std::int64_t i, double value) {
  if (tensor.dtype == Dtype::f64) {
    tensor.as<double>()[i] = value;
  } else {
    tensor.as<float>()[i] = float(value);
  }
}

void fill(Tensor tensor, double value) {
  for (std::int64_t i = 0; i < tensor.size(); ++i) set(tensor, i, value);
}

void fill_normal(Tensor tensor, double deviation, const Random& random) {
  for (std::int64_t i = 0; i < tensor.size(); ++i) set(tensor, i, deviation * random.normal(std::uint64_t(i)));
}

constexpr double kDeviation = 0.008944;
constexpr double kAlphaP = 0.2033823208110246;   // softplus(.) = 0.8
constexpr double kAlphaN = -1.0502256128148468;  // 0.5 + softplus(.) = 0.8

}  // namespace

void initialise(Parameters& parameters, std::uint64_t seed) {
  if (parameters.dtype() != Dtype::f32 && parameters.dtype() != Dtype::f64)
    fail("weights are initialised as float32 or float64 only");
  if (parameters.memory() != nullptr) fail("weights are initialised on the host");
  const double residual_deviation = kDeviation / std::sqrt(2.0 * double(parameters.config().layers));
  for (const NamedTensor& named : parameters.all()) {
    const std::string& name = named.name;
    if (name.ends_with("alpha_p")) {
      fill(named.tensor, kAlphaP);
    } else if (name.ends_with("alpha_n")) {
      fill(named.tensor, kAlphaN);
    } else if (named.tensor.dims == 1) {
      fill(named.tensor, name.ends_with(".bias") ? 0 : 1);
    } else {
      const bool residual = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
      fill_normal(named.tensor, residual ? residual_deviation : kDeviation, Random(seed, "init " + name));
    }
  }
}

}  // namespace cairn::model
