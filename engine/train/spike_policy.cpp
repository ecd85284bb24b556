#include "engine/train/spike_policy.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace cairn::train {

namespace {

// A window of values that hardly differ would make a spike of every rounding.
constexpr double kLeastDeviation = 1e-4;  // of the median

std::string standing_out(const char* name, const std::vector<double>& window, double value, const SpikeOptions& options) {
  const std::int64_t length = static_cast<std::int64_t>(window.size());
  if (options.sigma <= 0 || length < std::max<std::int64_t>(2, options.window / 2)) return "";
  const Spread spread = spread_of(window);
  const double deviations = (value - spread.median) / spread.deviation;
  if (deviations <= options.sigma) return "";
  return fmt::format("{} {:.4g} is {:.1f} deviations above the median {:.4g} of {} steps", name, value, deviations, spread.median,
                     length);
}

double unsigned_nan(double value) {
  return std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value;
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  double squares = 0;
  for (const double value : values) squares += (value - median) * (value - median);
  const double deviation = std::sqrt(squares / static_cast<double>(values.size()));
  return {median, std::max({deviation, kLeastDeviation * std::abs(median), 1e-30})};
}

std::string reason_to_skip(const std::vector<double>& losses, const std::vector<double>& grad_norms, double loss,
                           double grad_norm, const SpikeOptions& options) {
  if (!std::isfinite(loss)) return fmt::format("loss {} is not finite", unsigned_nan(loss));
  if (!std::isfinite(grad_norm)) return fmt::format("gradient norm {} is not finite", unsigned_nan(grad_norm));
  std::string reason = standing_out("loss", losses, loss, options);
  return reason.empty() ? standing_out("gradient norm", grad_norms, grad_norm, options) : reason;
}

void remember(std::vector<double>& window, double value, std::int64_t length) {
  if (!std::isfinite(value)) return;
  window.push_back(value);
  if (static_cast<std::int64_t>(window.size()) > length) window.erase(window.begin());
}

}  // namespace cairn::train
