// Optimizers behind one interface, over the flat parameters of a model with its two groups: what decays and what does not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/model/parameters.h"
#include "kernels/ops.h"

namespace cairn::train {

struct OptimizerConfig {
  enum class Method { adamw, ademamix };

  Method method = Method::adamw;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double beta3 = 0.9999;          // AdEMAMix: decay of the slow moment
  double alpha = 8;               // AdEMAMix: weight of the slow moment
  std::int64_t alpha_warmup = 0;  // AdEMAMix: steps over which alpha grows from 0 (T_a)
  std::int64_t beta3_warmup = 0;  // AdEMAMix: steps over which beta3 grows from beta1 (T_3)
  double eps = 1e-8;
  double weight_decay = 0.1;  // on matrices only, or on everything with decay_all
  bool decay_all = false;
};

OptimizerConfig::Method optimizer_method(const std::string& name);  // "adamw", "ademamix"; Error (usage)
const char* optimizer_name(OptimizerConfig::Method method);

// One moment of the optimizer, by the name under which a checkpoint keeps it.
struct Moment {
  std::string name;          // "m1" (fast), "v", and for AdEMAMix "m2" (slow)
  model::Parameters values;  // same shapes as the model's parameters
};

class Optimizer {
 public:
  // Moments start at zero.
  Optimizer(const OptimizerConfig& config, const model::ModelConfig& model, Dtype dtype);

  // One step at learning rate `lr`, in place on `parameters`; counts it.
  void update(Context& context, model::Parameters& parameters, const model::Parameters& gradients, double lr);

  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }  // when resuming
  std::vector<Moment>& moments() { return moments_; }
  const std::vector<Moment>& moments() const { return moments_; }
  const OptimizerConfig& config() const { return config_; }

 private:
  OptimizerConfig config_;
  std::int64_t steps_ = 0;
  std::vector<Moment> moments_;
};

// Scales the gradients so that their global norm is at most `clip` (0 = never). Returns the norm before; when it is not finite
// the gradients are left alone and the caller must skip the step.
double clip_gradients(Context& context, model::Parameters& gradients, double clip);

}  // namespace cairn::train
