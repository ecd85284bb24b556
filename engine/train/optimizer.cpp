#include "engine/train/optimizer.h"

#include <cmath>

#include "base/error.h"
#include "engine/train/schedule.h"

namespace cairn::train {

OptimizerConfig::Method optimizer_method(const std::string& name) {
  if (name == "adamw") return OptimizerConfig::Method::adamw;
  if (name == "ademamix") return OptimizerConfig::Method::ademamix;
  fail_usage("unknown optimizer '{}'; known: adamw, ademamix", name);
}

const char* optimizer_name(OptimizerConfig::Method method) {
  return method == OptimizerConfig::Method::adamw ? "adamw" : "ademamix";
}

Optimizer::Optimizer(const OptimizerConfig& config, const model::ModelConfig& model, Dtype dtype) : config_(config) {
  std::vector<std::string> names{"m1", "v"};
  if (config.method == OptimizerConfig::Method::ademamix) names = {"m1", "m2", "v"};
  for (std::string& name : names) moments_.push_back({std::move(name), model::Parameters(model, dtype)});
}

void Optimizer::update(Context& context, model::Parameters& parameters, const model::Parameters& gradients, double lr) {
  ++steps_;
  const OptimizerConfig& c = config_;
  const double beta3 = ademamix_beta3(steps_, c.beta1, c.beta3, c.beta3_warmup);
  const double alpha = ademamix_alpha(steps_, c.alpha, c.alpha_warmup);
  for (std::size_t i = 0; i < parameters.all().size(); ++i) {
    const model::NamedTensor& p = parameters.all()[i];
    const Tensor g = gradients.all()[i].tensor;
    const double decay = p.decays || c.decay_all ? c.weight_decay : 0.0;
    const auto moment = [&](std::size_t m) { return moments_[m].values.all()[i].tensor; };
    if (c.method == OptimizerConfig::Method::adamw) {
      ops::adamw(context, p.tensor, moment(0), moment(1), g, {lr, c.beta1, c.beta2, c.eps, decay, steps_});
    } else {
      ops::ademamix(context, p.tensor, moment(0), moment(1), moment(2), g,
                    {lr, c.beta1, c.beta2, beta3, alpha, c.eps, decay, steps_});
    }
  }
}

double clip_gradients(Context& context, model::Parameters& gradients, double clip) {
  const Tensor flat = gradients.flat();
  const double norm = std::sqrt(ops::sum_of_squares(context, flat));
  if (clip > 0 && std::isfinite(norm) && norm > clip) ops::scale(context, flat, flat, clip / norm);
  return norm;
}

}  // namespace cairn::train
