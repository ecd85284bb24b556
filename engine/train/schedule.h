// Learning rate and AdEMAMix schedules: pure functions of the clock, so that a resumed run needs no state but the clock itself
// (spec/apertus.md §3.1, §3.2).
#pragma once

#include <cstdint>
#include <string>

namespace cairn::train {

// The clock of the learning rate counts tokens read before the step, so that a change of batch size or sequence length changes
// nothing about it; the first step runs at clock 0. Where all samples are of one length this is Megatron's clock of samples.
struct LearningRateSchedule {
  enum class Shape {
    constant,  // warm-up, then `peak`
    wsd,       // warm-up, `peak`, then down to `floor` over the last `cooldown_tokens`
    cosine,    // warm-up, then half a cosine from `peak` to `floor`
    linear,    // warm-up, then a line from `peak` to `floor`
  };

  enum class Cooldown {
    sqrt,    // 1 - sqrt(progress), as Apertus (Hägele et al. 2024)
    linear,  // 1 - progress
  };

  Shape shape = Shape::constant;
  double initial = 0;  // at clock 0, where there is a warm-up
  double peak = 0;
  double floor = 0;  // from total_tokens on
  std::int64_t warmup_tokens = 0;
  std::int64_t cooldown_tokens = 0;    // wsd only; 0 = none
  std::int64_t total_tokens = 0;       // not used by `constant`
  Cooldown cooldown = Cooldown::sqrt;  // wsd only

  double at(std::int64_t tokens) const;
  // Error (usage) on negative lengths or when warm-up and cooldown do not fit into the total.
  void check() const;
};

LearningRateSchedule::Shape schedule_shape(const std::string& name);     // "wsd"; Error (usage) naming the known ones
LearningRateSchedule::Cooldown cooldown_shape(const std::string& name);  // "sqrt", "linear"; likewise

// alpha(t) = alpha t/T while t < T (t counts from 1). T = 0: no warm-up.
double ademamix_alpha(std::int64_t step, double alpha, std::int64_t warmup_steps);
// beta3(t): from beta1 to beta3, linear in half-life, while t < T.
double ademamix_beta3(std::int64_t step, double beta1, double beta3, std::int64_t warmup_steps);

}  // namespace cairn::train
