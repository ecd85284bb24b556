// Optimizers behind one interface: an update of a flat shard of float32 master weights, with moments in float32 or bfloat16.
//
// A shard is a range of Parameters::flat(); one process alone has all of it. Each weight is updated by one rule:
//   AdamW      matrices and vectors                                              (Loshchilov & Hutter 2019)
//   AdEMAMix   the same with a second, slow moment                               (spec/apertus.md §3.1)
//   Muon       matrices inside blocks; AdamW for embedding, head and vectors     (muon.h)
// Weight decay is decoupled and scaled by the learning rate.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/model/parameters.h"
#include "engine/train/muon.h"
#include "engine/train/placement.h"
#include "kernels/arena.h"
#include "kernels/ops.h"
#include "kernels/staging.h"

namespace cairn::train {

struct OptimizerConfig {
  enum class Method { adamw, ademamix, muon };
  enum class Decay {
    matrices,  // all weights of two dimensions, as Apertus; never norms, biases and xIELU scalars
    blocks,    // matrices but not the embedding (and a head of its own does decay)
    all,       // everything
  };

  Method method = Method::adamw;
  double beta1 = 0.9;  // 0 = the fast moment is the gradient, and is not stored
  double beta2 = 0.999;
  double beta3 = 0.9999;          // AdEMAMix: decay of the slow moment
  double alpha = 8;               // AdEMAMix: weight of the slow moment
  std::int64_t alpha_warmup = 0;  // AdEMAMix: steps over which alpha grows from 0 (T_a)
  std::int64_t beta3_warmup = 0;  // AdEMAMix: steps over which beta3 grows from beta1 (T_3)
  double eps = 1e-8;
  double weight_decay = 0.1;
  Decay decay = Decay::matrices;
  MuonOptions muon{};
  bool bf16_moments = false;  // m1, m2, v rounded stochastically (kernels/ops.h), Muon's momentum to the nearest
  std::uint64_t rounding_seed = 0;
};

OptimizerConfig::Method optimizer_method(const std::string& name);  // "adamw", "ademamix", "muon"; Error (usage)
const char* optimizer_name(OptimizerConfig::Method method);
OptimizerConfig::Decay decay_rule(const std::string& name);  // "matrices", "blocks", "all"; Error (usage)

// One moment of the optimizer, by the name under which a checkpoint keeps it: "m1" (fast), "m2" (slow; AdEMAMix), "v" (squares),
// "momentum" (Muon).
struct Moment {
  std::string name;
  // Views, in canonical order, of the weights that have this moment; name and shape are the weight's. Of a weight that the shard
  // cuts: the part inside, with one dimension.
  std::vector<model::NamedTensor> tensors;
};

// Elements [begin, end) of Parameters::flat(); begin is a multiple of 8.
struct Shard {
  std::int64_t begin = 0, end = 0;
};

class Optimizer {
 public:
  // For parameters like these (their values are not looked at); moments start at zero, where `placement` says (left out: where
  // the parameters are). Error when the shard cuts a matrix that Muon updates.
  Optimizer(const OptimizerConfig& config, const model::Parameters& like);
  Optimizer(const OptimizerConfig& config, const model::Parameters& like, Shard shard);
  Optimizer(const OptimizerConfig& config, const model::Parameters& like, const Placement& placement);
  Optimizer(const OptimizerConfig& config, const model::Parameters& like, Shard shard, const Placement& placement);

  // One step at learning rate `lr`, in place on the shard of `parameters`; counts it. Gradients count as `gradient_scale` times
  // what they are. With `copy`, parameters of another type, the shard's new weights are rounded into it too.
  void update(Context& context, model::Parameters& parameters, const model::Parameters& gradients, double lr,
              double gradient_scale = 1, model::Parameters* copy = nullptr);

  std::int64_t steps() const { return steps_; }
  std::int64_t& step_counter() { return steps_; }  // state, like the moments
  const std::vector<Moment>& moments() const { return moments_; }
  const OptimizerConfig& config() const { return config_; }
  // Of moments and scratch, wherever they lie.
  std::int64_t bytes() const { return arena_.plan().bytes() + scratch_.plan().bytes() + staging_.bytes(); }
  Staging& staging() { return staging_; }  // for who else works on masters

 private:
  enum class Rule { adamw, ademamix, muon };
  struct Piece {  // of one weight, inside the shard
    Rule rule;
    double decay;
    std::size_t weight;             // index in Parameters::all()
    std::int64_t begin, end;        // in flat() ...
    std::int64_t inside;            // ... and where that begins in the weight
    std::int64_t rows, columns;     // Muon
    std::vector<std::size_t> kept;  // its moments: indices into moments_ ...
    std::vector<Tensor> values;     // ... and their memory, [end - begin]
  };

  void plan_pieces(const model::Parameters& like, Shard shard, const Placement& placement);
  std::int64_t longest_part() const;
  void update_adam(Context& context, const Piece& piece, std::int64_t first, std::span<const Tensor> p_and_moments, Tensor g,
                   Tensor copy, double lr, double gradient_scale);
  void update_muon(Context& context, const Piece& piece, Tensor p, Tensor momentum, Tensor g, Tensor copy, double lr,
                   double gradient_scale);

  OptimizerConfig config_;
  std::int64_t steps_ = 0;
  std::vector<Moment> moments_;
  std::vector<Piece> pieces_;
  Tensor unkept_;  // the fast moment while a piece is updated, where none is kept
  MuonScratch muon_scratch_;
  Arena arena_, scratch_;  // moments; what an update needs beside them, where it computes
  Staging staging_;
};

// The norm of all gradients together, and what they have to be multiplied by to have a norm of at most `clip` (0 = any).
double gradient_norm(Context& context, const model::Parameters& gradients);
double clip_scale(double norm, double clip);

}  // namespace cairn::train
