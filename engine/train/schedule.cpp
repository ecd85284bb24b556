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

double LearningRateSchedule::at(std::int64_t samples) const {
  if (samples <= warmup_samples && warmup_samples > 0) return initial + (peak - initial) * fraction(samples, warmup_samples);
  if (shape == Shape::constant) return peak;
  if (samples > total_samples) return floor;
  if (shape == Shape::wsd) {
    const std::int64_t into_cooldown = samples - (total_samples - cooldown_samples);
    if (into_cooldown <= 0) return peak;
    return floor + (peak - floor) * (1 - std::sqrt(fraction(into_cooldown, cooldown_samples)));
  }
  const std::int64_t span = total_samples - warmup_samples;
  const double progress = span > 0 ? fraction(samples - warmup_samples, span) : 1.0;
  if (shape == Shape::linear) return floor + (peak - floor) * (1 - progress);
  return floor + (peak - floor) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

void LearningRateSchedule::check() const {
  if (warmup_samples < 0 || cooldown_samples < 0) fail_usage("schedule: warm-up and cooldown must not be negative");
  if (shape == Shape::constant) return;
  if (warmup_samples + cooldown_samples > total_samples) {
    fail_usage("schedule: warm-up of {} and cooldown of {} samples do not fit into {} samples", warmup_samples, cooldown_samples,
               total_samples);
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
