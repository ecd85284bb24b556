#include "engine/train/schedule.h"

#include <cmath>
#include <numbers>

#include "base/error.h"

namespace cairn::train {

namespace {

double fraction(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

// Half-life of an exponential average with decay `beta`, less one; the reference adds 1e-8 to the decay.
double half_life(double beta) {
  return std::log(0.5) / std::log(beta + 1e-8) - 1;
}

}  // namespace

double LearningRateSchedule::at(std::int64_t tokens) const {
  if (tokens <= warmup_tokens && warmup_tokens > 0) return initial + (peak - initial) * fraction(tokens, warmup_tokens);
  if (shape == Shape::constant) return peak;
  if (tokens > total_tokens) return floor;
  if (shape == Shape::wsd) {
    const std::int64_t into_cooldown = tokens - (total_tokens - cooldown_tokens);
    if (into_cooldown <= 0) return peak;
    const double progress = fraction(into_cooldown, cooldown_tokens);
    return floor + (peak - floor) * (1 - (cooldown == Cooldown::linear ? progress : std::sqrt(progress)));
  }
  const std::int64_t span = total_tokens - warmup_tokens;
  const double progress = span > 0 ? fraction(tokens - warmup_tokens, span) : 1.0;
  if (shape == Shape::linear) return floor + (peak - floor) * (1 - progress);
  return floor + (peak - floor) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

void LearningRateSchedule::check() const {
  if (warmup_tokens < 0 || cooldown_tokens < 0) fail_usage("schedule: warm-up and cooldown must not be negative");
  if (shape == Shape::constant) return;
  if (warmup_tokens + cooldown_tokens > total_tokens) {
    fail_usage("schedule: warm-up of {} and cooldown of {} tokens do not fit into {} tokens", warmup_tokens, cooldown_tokens,
               total_tokens);
  }
}

LearningRateSchedule::Shape schedule_shape(const std::string& name) {
  using Shape = LearningRateSchedule::Shape;
  if (name == "constant") return Shape::constant;
  if (name == "wsd") return Shape::wsd;
  if (name == "cosine") return Shape::cosine;
  if (name == "linear") return Shape::linear;
  fail_usage("unknown schedule '{}'; known: constant, wsd, cosine, linear", name);
}

LearningRateSchedule::Cooldown cooldown_shape(const std::string& name) {
  if (name == "sqrt") return LearningRateSchedule::Cooldown::sqrt;
  if (name == "linear") return LearningRateSchedule::Cooldown::linear;
  fail_usage("unknown cooldown '{}'; known: sqrt, linear", name);
}

double ademamix_alpha(std::int64_t step, double alpha, std::int64_t warmup_steps) {
  return step < warmup_steps ? alpha * fraction(step, warmup_steps) : alpha;
}

double ademamix_beta3(std::int64_t step, double beta1, double beta3, std::int64_t warmup_steps) {
  if (step >= warmup_steps) return beta3;
  const double r = fraction(step, warmup_steps);
  const double life = (1 - r) * half_life(beta1) + r * half_life(beta3);
  return std::pow(0.5, 1 / (life + 1));
}

}  // namespace cairn::train
