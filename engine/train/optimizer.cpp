#include "engine/train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/random.h"
#include "engine/train/rounding.h"
#include "engine/train/schedule.h"

namespace cairn::train {

namespace {

using Method = OptimizerConfig::Method;
using Decay = OptimizerConfig::Decay;

constexpr std::int64_t kAlign = 8;       // of where shards begin: one block of the noise that rounds moments
constexpr std::int64_t kPart = 1 << 18;  // elements whose moments are widened at a time: what is read stays in the cache

Tensor part_of(Tensor flat, std::int64_t begin, std::int64_t end) {
  return flat.rows(begin, end);
}

bool is_matrix(const Tensor& tensor) {
  return tensor.dims == 2;
}

}  // namespace

Method optimizer_method(const std::string& name) {
  if (name == "adamw") return Method::adamw;
  if (name == "ademamix") return Method::ademamix;
  if (name == "muon") return Method::muon;
  fail_usage("unknown optimizer '{}'; known: adamw, ademamix, muon", name);
}

const char* optimizer_name(Method method) {
  switch (method) {
    case Method::adamw:
      return "adamw";
    case Method::ademamix:
      return "ademamix";
    case Method::muon:
      return "muon";
  }
  return "?";
}

Decay decay_rule(const std::string& name) {
  if (name == "matrices") return Decay::matrices;
  if (name == "blocks") return Decay::blocks;
  if (name == "all") return Decay::all;
  fail_usage("unknown rule of weight decay '{}'; known: matrices, blocks, all", name);
}

Optimizer::Optimizer(const OptimizerConfig& config, const model::Parameters& like)
    : Optimizer(config, like, Shard{0, like.flat().size()}) {}

Optimizer::Optimizer(const OptimizerConfig& config, const model::Parameters& like, Shard shard) : config_(config) {
  plan_pieces(like, shard);
}

// Which rule updates each weight, which moments it has, and where they lie.
void Optimizer::plan_pieces(const model::Parameters& like, Shard shard) {
  if (shard.begin % kAlign != 0 || shard.begin < 0 || shard.end > like.flat().size()) {
    fail("a shard of elements {} to {}, expected a multiple of {} inside 0 to {}", shard.begin, shard.end, kAlign,
         like.flat().size());
  }
  const Dtype compute = like.dtype(), stored = config_.bf16_moments ? Dtype::bf16 : compute;
  ArenaPlan plan;
  std::vector<std::vector<ArenaSlot>> slots;
  std::vector<std::size_t> weights;
  std::int64_t muon_elements = 0, muon_side = 0;
  const auto moment = [&](const char* name) {
    for (std::size_t i = 0; i < moments_.size(); ++i) {
      if (moments_[i].name == name) return i;
    }
    moments_.push_back({name, {}});
    return moments_.size() - 1;
  };
  const std::int64_t width = dtype_bytes(compute);
  for (std::size_t i = 0; i < like.all().size(); ++i) {
    const model::NamedTensor& weight = like.all()[i];
    const std::int64_t at = (weight.tensor.as<char>() - like.flat().as<char>()) / width, end = at + weight.tensor.size();
    Piece piece{};
    piece.begin = std::max(at, shard.begin);
    piece.end = std::min(end, shard.end);
    if (piece.begin >= piece.end) continue;
    const bool embedding = weight.tensor.data == like.embedding().data, head = weight.tensor.data == like.head().data;
    const bool muon = config_.method == Method::muon && is_matrix(weight.tensor) && !embedding && !head;
    piece.rule = muon ? Rule::muon : config_.method == Method::ademamix ? Rule::ademamix : Rule::adamw;
    const bool decays = config_.decay == Decay::all || (weight.decays && !(config_.decay == Decay::blocks && embedding));
    piece.decay = decays ? config_.weight_decay : 0;
    if (muon) {
      if (piece.begin != at || piece.end != end)
        fail("a shard of the optimizer cuts {}, which Muon updates as a whole", weight.name);
      piece.rows = weight.tensor.shape[0];
      piece.columns = weight.tensor.shape[1];
      muon_elements = std::max(muon_elements, weight.tensor.size());
      muon_side = std::max(muon_side, std::min(piece.rows, piece.columns));
      piece.kept = {moment("momentum")};
    } else {
      if (config_.beta1 != 0) piece.kept.push_back(moment("m1"));
      if (piece.rule == Rule::ademamix) piece.kept.push_back(moment("m2"));
      piece.kept.push_back(moment("v"));
    }
    slots.emplace_back();
    for (const std::size_t m : piece.kept) {
      slots.back().push_back(plan.add(moments_[m].name + "." + weight.name, stored, {piece.end - piece.begin}));
    }
    weights.push_back(i);
    pieces_.push_back(std::move(piece));
  }

  std::vector<ArenaSlot> scratch;
  if (config_.bf16_moments || config_.beta1 == 0) {
    scratch_elements_ = std::max(kPart, muon_elements);
    for (int i = 0; i < 3; ++i) scratch.push_back(plan.add("scratch", compute, {scratch_elements_}));
  }
  std::vector<ArenaSlot> muon;
  if (muon_elements > 0) {
    for (const std::int64_t size : {muon_elements, muon_elements, muon_side * muon_side, muon_side * muon_side}) {
      muon.push_back(plan.add("muon scratch", compute, {size}));
    }
  }

  arena_ = Arena(plan);
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const model::NamedTensor& weight = like.all()[weights[i]];
    for (std::size_t k = 0; k < slots[i].size(); ++k) {
      const Tensor values = arena_.tensor(slots[i][k]);
      pieces_[i].values.push_back(values);
      Tensor view = values;
      if (values.size() == weight.tensor.size()) {
        view.dims = weight.tensor.dims;
        view.shape = weight.tensor.shape;
        view.strides = weight.tensor.strides;
      }
      moments_[pieces_[i].kept[k]].tensors.push_back({weight.name, view, weight.decays});
    }
  }
  for (const ArenaSlot slot : scratch) scratch_.push_back(arena_.tensor(slot));
  if (!muon.empty())
    muon_scratch_ = {arena_.tensor(muon[0]), arena_.tensor(muon[1]), arena_.tensor(muon[2]), arena_.tensor(muon[3])};
}

// The moments of elements [begin, end) of flat() as the operations take them: the memory itself, or for moments kept in bfloat16
// a copy that store() rounds back.
class Optimizer::OpenMoments {
 public:
  OpenMoments(Context& context, const Optimizer& optimizer, const Piece& piece, std::int64_t begin, std::int64_t end)
      : context_(context), optimizer_(optimizer), piece_(piece), begin_(begin), end_(end) {
    for (std::size_t k = 0; k < piece.kept.size(); ++k) {
      if (!optimizer.config_.bf16_moments) {
        open_.push_back(stored(k));
        continue;
      }
      open_.push_back(part_of(optimizer.scratch_[k], 0, end - begin));
      widen_bf16(context.pool, open_[k], stored(k));
    }
    // A fast moment that is not kept: with a decay of 0 it begins at zero each time.
    if (piece.rule != Rule::muon && optimizer.config_.beta1 == 0) {
      const Tensor fast = part_of(optimizer.scratch_.back(), 0, end - begin);
      std::memset(fast.data, 0, static_cast<std::size_t>(fast.bytes()));
      open_.insert(open_.begin(), fast);
    }
  }

  Tensor operator[](std::size_t k) const { return open_[k]; }

  void store() const {
    if (!optimizer_.config_.bf16_moments) return;
    const std::size_t unkept = open_.size() - piece_.kept.size();
    for (std::size_t k = 0; k < piece_.kept.size(); ++k) {
      const Random noise(optimizer_.config_.rounding_seed,
                         fmt::format("round {} {}", optimizer_.moments_[piece_.kept[k]].name, optimizer_.steps_));
      round_bf16_stochastic(context_.pool, stored(k), open_[k + unkept], noise, begin_);
    }
  }

 private:
  Tensor stored(std::size_t k) const { return part_of(piece_.values[k], begin_ - piece_.begin, end_ - piece_.begin); }

  Context& context_;
  const Optimizer& optimizer_;
  const Piece& piece_;
  std::int64_t begin_, end_;
  std::vector<Tensor> open_;
};

void Optimizer::update(Context& context, model::Parameters& parameters, const model::Parameters& gradients, double lr) {
  ++steps_;
  for (const Piece& piece : pieces_) {
    const bool whole = scratch_.empty() || piece.rule == Rule::muon;
    const std::int64_t length = whole ? piece.end - piece.begin : kPart;
    for (std::int64_t begin = piece.begin; begin < piece.end; begin += length) {
      const std::int64_t end = std::min(begin + length, piece.end);
      apply(context, piece, begin, end, part_of(parameters.flat(), begin, end), part_of(gradients.flat(), begin, end), lr);
    }
  }
}

void Optimizer::apply(Context& context, const Piece& piece, std::int64_t begin, std::int64_t end, Tensor p, Tensor g, double lr) {
  const OptimizerConfig& c = config_;
  const OpenMoments moments(context, *this, piece, begin, end);
  if (piece.rule == Rule::adamw) {
    ops::adamw(context, p, moments[0], moments[1], g, {lr, c.beta1, c.beta2, c.eps, piece.decay, steps_});
  } else if (piece.rule == Rule::ademamix) {
    const double beta3 = ademamix_beta3(steps_, c.beta1, c.beta3, c.beta3_warmup);
    const double alpha = ademamix_alpha(steps_, c.alpha, c.alpha_warmup);
    ops::ademamix(context, p, moments[0], moments[1], moments[2], g,
                  {lr, c.beta1, c.beta2, beta3, alpha, c.eps, piece.decay, steps_});
  } else {
    const auto matrix = [&](Tensor t) { return t.reshape({piece.rows, piece.columns}); };
    muon_update(context, matrix(p), matrix(moments[0]), matrix(g), c.muon, lr, piece.decay, muon_scratch_);
  }
  moments.store();
}

double clip_gradients(Context& context, model::Parameters& gradients, double clip) {
  const Tensor flat = gradients.flat();
  const double norm = std::sqrt(ops::sum_of_squares(context, flat));
  if (clip > 0 && std::isfinite(norm) && norm > clip) ops::scale(context, flat, flat, clip / norm);
  return norm;
}

}  // namespace cairn::train
