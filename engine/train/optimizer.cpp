#include "engine/train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "engine/train/schedule.h"

namespace cairn::train {

namespace {

using Method = OptimizerConfig::Method;
using Decay = OptimizerConfig::Decay;

constexpr std::int64_t kAlign = 8;       // of where shards begin
constexpr std::int64_t kPart = 1 << 18;  // elements updated at a time where no fast moment is kept

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
Optimizer::Optimizer(const OptimizerConfig& config, const model::Parameters& like, Shard shard)
    : Optimizer(config, like, shard, Placement(like.memory())) {}
Optimizer::Optimizer(const OptimizerConfig& config, const model::Parameters& like, const Placement& placement)
    : Optimizer(config, like, Shard{0, like.flat().size()}, placement) {}
Optimizer::Optimizer(const OptimizerConfig& config, const model::Parameters& like, Shard shard, const Placement& placement)
    : config_(config) {
  plan_pieces(like, shard, placement);
}

// Which rule updates each weight, which moments it has, and where they lie.
void Optimizer::plan_pieces(const model::Parameters& like, Shard shard, const Placement& placement) {
  if (shard.begin % kAlign != 0 || shard.begin < 0 || shard.end > like.flat().size()) {
    fail("a shard of elements {} to {}, expected a multiple of {} inside 0 to {}", shard.begin, shard.end, kAlign,
         like.flat().size());
  }
  const Dtype compute = like.dtype(), stored = config_.bf16_moments ? Dtype::bf16 : compute;
  ArenaPlan plan, scratch;
  std::vector<std::vector<ArenaSlot>> slots;
  std::int64_t staged = placement.offload().staged_masters_bytes(like.flat().size());
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
    piece.weight = i;
    piece.begin = std::max(at, shard.begin);
    piece.end = std::min(end, shard.end);
    piece.inside = piece.begin - at;
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
    const std::int64_t at_once =
        muon ? piece.end - piece.begin : std::min(piece.end - piece.begin, config_.beta1 == 0 ? kPart : kStagedElements);
    staged = std::max(
        staged, placement.offload().staged_bytes(at_once, dtype_bytes(compute), std::ssize(piece.kept), dtype_bytes(stored)));
    pieces_.push_back(std::move(piece));
  }

  ArenaSlot unkept;
  if (config_.beta1 == 0) unkept = scratch.add("fast moment", compute, {kPart});
  std::vector<ArenaSlot> muon;
  if (muon_elements > 0) {
    for (const std::int64_t size : {muon_elements, muon_elements, muon_side * muon_side, muon_side * muon_side}) {
      muon.push_back(scratch.add("muon scratch", compute, {size}));
    }
  }

  arena_ = Arena(plan, placement.moments());
  if (scratch.bytes() > 0) scratch_ = Arena(scratch, placement.compute());
  staging_ = Staging(placement.compute().memory, staged);
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const model::NamedTensor& weight = like.all()[pieces_[i].weight];
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
  if (config_.beta1 == 0) unkept_ = scratch_.tensor(unkept);
  if (!muon.empty())
    muon_scratch_ = {scratch_.tensor(muon[0]), scratch_.tensor(muon[1]), scratch_.tensor(muon[2]), scratch_.tensor(muon[3])};
}

// Elements that are updated at a time, but for Muon.
std::int64_t Optimizer::longest_part() const {
  if (config_.beta1 == 0) return kPart;
  return staging_.bytes() > 0 ? kStagedElements : std::numeric_limits<std::int64_t>::max();
}

void Optimizer::update(Context& context, model::Parameters& parameters, const model::Parameters& gradients, double lr,
                       double gradient_scale, model::Parameters* copy) {
  ++steps_;
  std::vector<TensorPart> parts;  // of pieces
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const std::int64_t size = pieces_[i].end - pieces_[i].begin;
    const std::int64_t length = std::min(size, pieces_[i].rule == Rule::muon ? size : longest_part());
    for (std::int64_t begin = 0; begin < size; begin += length) parts.push_back({i, begin, std::min(begin + length, size)});
  }
  staging_.run(
      parts.size(),
      [&](std::size_t i) {
        const auto [index, begin, end] = parts[i];
        const Piece& piece = pieces_[index];
        std::vector<StagedTensor> tensors{{parameters.flat().rows(piece.begin + begin, piece.begin + end), true}};
        for (const Tensor& moment : piece.values) tensors.push_back({moment.rows(begin, end), true});
        return tensors;
      },
      [&](std::size_t i, std::span<const Tensor> part) {
        const auto [index, begin, end] = parts[i];
        const Piece& piece = pieces_[index];
        const Tensor g = gradients.flat().rows(piece.begin + begin, piece.begin + end);
        Tensor rounded;
        if (copy != nullptr) {
          const Tensor whole = copy->all()[piece.weight].tensor;
          rounded = whole.reshape({whole.size()}).rows(piece.inside + begin, piece.inside + end);
        }
        if (piece.rule == Rule::muon) {
          update_muon(context, piece, part[0], part[1], g, rounded, lr, gradient_scale);
        } else {
          update_adam(context, piece, piece.begin + begin, part, g, rounded, lr, gradient_scale);
        }
      });
}

void Optimizer::update_adam(Context& context, const Piece& piece, std::int64_t first, std::span<const Tensor> p_and_moments,
                            Tensor g, Tensor copy, double lr, double gradient_scale) {
  const OptimizerConfig& c = config_;
  const Tensor p = p_and_moments[0];
  std::vector<Tensor> moments(p_and_moments.begin() + 1, p_and_moments.end());
  if (!unkept_.empty()) {  // with a decay of 0 it begins at zero each time
    moments.insert(moments.begin(), unkept_.rows(0, p.size()));
    zero(moments[0]);
  }
  const UpdateOptions options{gradient_scale, c.rounding_seed, first};
  if (piece.rule == Rule::adamw) {
    ops::adamw(context, p, moments[0], moments[1], g, {lr, c.beta1, c.beta2, c.eps, piece.decay, steps_, options}, copy);
    return;
  }
  const double beta3 = ademamix_beta3(steps_, c.beta1, c.beta3, c.beta3_warmup);
  const double alpha = ademamix_alpha(steps_, c.alpha, c.alpha_warmup);
  ops::ademamix(context, p, moments[0], moments[1], moments[2], g,
                {lr, c.beta1, c.beta2, beta3, alpha, c.eps, piece.decay, steps_, options}, copy);
}

void Optimizer::update_muon(Context& context, const Piece& piece, Tensor p, Tensor momentum, Tensor g, Tensor copy, double lr,
                            double gradient_scale) {
  const auto matrix = [&](const Tensor& t) { return t.reshape({piece.rows, piece.columns}); };
  muon_update(context, matrix(p), matrix(momentum), matrix(g), config_.muon, lr, piece.decay, gradient_scale, muon_scratch_);
  if (!copy.empty()) ops::convert(context, copy, p);
}

double gradient_norm(Context& context, const model::Parameters& gradients) {
  return std::sqrt(ops::sum_of_squares(context, gradients.flat()));
}

double clip_scale(double norm, double clip) {
  return clip > 0 && norm > clip ? clip / norm : 1;
}

}  // namespace cairn::train
