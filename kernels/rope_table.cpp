#include "kernels/rope_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace cairn {
namespace {

// One frequency in the arithmetic of T: transformers forms frequencies and angles in float32, and far positions show it.
template <typename T>
T inverse_frequency(std::int64_t i, std::int64_t half, double theta) {
  const T exponent = T(2 * i) / T(2 * half);
  return T(std::pow(double(T(theta)), double(exponent)));
}

template <typename T>
T llama3_frequency(T base, const RopeScaling& scaling) {
  const T wavelength = T(2 * std::numbers::pi) / base;
  const T factor = T(scaling.factor);
  if (wavelength < T(scaling.original_positions / scaling.high_freq_factor)) return base;
  if (wavelength > T(scaling.original_positions / scaling.low_freq_factor)) return base / factor;
  const T smooth = (T(scaling.original_positions) / wavelength - T(scaling.low_freq_factor)) /
                   T(scaling.high_freq_factor - scaling.low_freq_factor);
  return (T(1) - smooth) * base / factor + smooth * base;
}

// The pair (perhaps between two) that turns `turns` times over the original positions.
double pair_that_turns(double turns, std::int64_t half, double theta, const RopeScaling& scaling) {
  return double(2 * half) * std::log(scaling.original_positions / (turns * 2 * std::numbers::pi)) / (2 * std::log(theta));
}

template <typename T>
T yarn_frequency(T inverse, std::int64_t i, std::int64_t half, double theta, const RopeScaling& scaling) {
  double low = pair_that_turns(scaling.beta_fast, half, theta, scaling);
  double high = pair_that_turns(scaling.beta_slow, half, theta, scaling);
  if (scaling.whole_pairs) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, double(2 * half - 1));
  if (low == high) high += 0.001;
  const T kept = T(1) - std::clamp((T(i) - T(low)) / T(high - low), T(0), T(1));
  return T(1) / (T(scaling.factor) * inverse) * (T(1) - kept) + T(1) / inverse * kept;
}

template <typename T>
T frequency(std::int64_t i, std::int64_t half, double theta, const RopeScaling& scaling) {
  const T inverse = inverse_frequency<T>(i, half, theta), base = T(1) / inverse;
  switch (scaling.variant) {
    case RopeVariant::plain:
      return base;
    case RopeVariant::linear:
      return base / T(scaling.factor);
    case RopeVariant::llama3:
      return llama3_frequency(base, scaling);
    case RopeVariant::yarn:
      return yarn_frequency(inverse, i, half, theta, scaling);
  }
  fail("rope_table: unknown variant {}", int(scaling.variant));
}

template <typename T>
void fill(const Tensor& cos, const Tensor& sin, double theta, const RopeScaling& scaling) {
  const std::int64_t positions = cos.shape[0], half = cos.shape[1];
  const double magnitude = scaling.variant == RopeVariant::yarn ? scaling.magnitude : 1;
  for (std::int64_t i = 0; i < half; ++i) {
    const T f = frequency<T>(i, half, theta, scaling);
    for (std::int64_t p = 0; p < positions; ++p) {
      const T angle = T(p) * f;
      cos.as<T>()[p * half + i] = T(std::cos(double(angle)) * magnitude);
      sin.as<T>()[p * half + i] = T(std::sin(double(angle)) * magnitude);
    }
  }
}

void check(double theta, const RopeScaling& s) {
  if (!(theta > 0) || !(s.factor > 0) || !(s.original_positions > 0)) {
    fail("rope_table: theta, factor and original positions must be positive, found {}, {} and {}", theta, s.factor,
         s.original_positions);
  }
  if (s.variant == RopeVariant::llama3 && !(s.low_freq_factor > 0 && s.high_freq_factor > s.low_freq_factor)) {
    fail("rope_table: low_freq_factor must be positive and high_freq_factor above it, found {} and {}", s.low_freq_factor,
         s.high_freq_factor);
  }
  if (s.variant == RopeVariant::yarn && !(theta > 1 && s.beta_slow > 0 && s.beta_fast > s.beta_slow && s.magnitude > 0)) {
    fail(
        "rope_table: yarn wants theta above 1, beta_slow and magnitude positive and beta_fast above beta_slow; found {}, {}, {}, "
        "{}",
        theta, s.beta_slow, s.magnitude, s.beta_fast);
  }
}

}  // namespace

double yarn_magnitude(double factor) {
  return factor <= 1 ? 1.0 : 0.1 * std::log(factor) + 1.0;
}

void rope_table(Tensor cos, Tensor sin, double theta, const RopeScaling& scaling) {
  if (cos.dims != 2 || cos.shape != sin.shape || cos.dtype != sin.dtype || !cos.contiguous() || !sin.contiguous()) {
    fail("rope_table: cos is {}, sin is {}, expected two contiguous tables [positions, head_width/2]", cos.describe(),
         sin.describe());
  }
  check(theta, scaling);
  if (cos.dtype == Dtype::f64) {
    fill<double>(cos, sin, theta, scaling);
  } else if (cos.dtype == Dtype::f32) {
    fill<float>(cos, sin, theta, scaling);
  } else {
    fail("rope_table: tables are float32 or float64, not {}", dtype_name(cos.dtype));
  }
}

}  // namespace cairn
