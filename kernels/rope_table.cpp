// The rotary tables: frequencies theta^(-2i/E), rescaled as Llama 3 does, times positions.
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "kernels/ops.h"

namespace cairn {
namespace {

// One frequency in the arithmetic of T: transformers forms frequencies and angles in float32, and far positions show it.
template <typename T>
T frequency(std::int64_t i, std::int64_t half, double theta, const RopeScaling& scaling) {
  const T exponent = static_cast<T>(2 * i) / static_cast<T>(2 * half);
  const T base = T(1) / static_cast<T>(std::pow(static_cast<double>(static_cast<T>(theta)), static_cast<double>(exponent)));
  if (scaling.factor == 1.0) return base;
  const T wavelength = static_cast<T>(2 * std::numbers::pi) / base;
  const T low = static_cast<T>(scaling.original_positions / scaling.low_freq_factor);
  const T high = static_cast<T>(scaling.original_positions / scaling.high_freq_factor);
  const T factor = static_cast<T>(scaling.factor);
  if (wavelength < high) return base;
  if (wavelength > low) return base / factor;
  const T smooth = (static_cast<T>(scaling.original_positions) / wavelength - static_cast<T>(scaling.low_freq_factor)) /
                   static_cast<T>(scaling.high_freq_factor - scaling.low_freq_factor);
  return (T(1) - smooth) * base / factor + smooth * base;
}

template <typename T>
void fill(const Tensor& cos, const Tensor& sin, double theta, const RopeScaling& scaling) {
  const std::int64_t positions = cos.shape[0], half = cos.shape[1];
  for (std::int64_t i = 0; i < half; ++i) {
    const T f = frequency<T>(i, half, theta, scaling);
    for (std::int64_t p = 0; p < positions; ++p) {
      const T angle = static_cast<T>(p) * f;
      cos.as<T>()[p * half + i] = static_cast<T>(std::cos(static_cast<double>(angle)));
      sin.as<T>()[p * half + i] = static_cast<T>(std::sin(static_cast<double>(angle)));
    }
  }
}

}  // namespace

void rope_table(Tensor cos, Tensor sin, double theta, const RopeScaling& scaling) {
  if (cos.dims != 2 || cos.shape != sin.shape || cos.dtype != sin.dtype || !cos.contiguous() || !sin.contiguous()) {
    fail("rope_table: cos is {}, sin is {}, expected two contiguous tables [positions, head_width/2]", cos.describe(),
         sin.describe());
  }
  if (!(theta > 0) || !(scaling.factor > 0) || !(scaling.low_freq_factor > 0) || !(scaling.original_positions > 0) ||
      (scaling.factor != 1.0 && !(scaling.high_freq_factor > scaling.low_freq_factor))) {
    fail("rope_table: theta, factors and original positions must be positive, and high_freq_factor above low_freq_factor");
  }
  if (cos.dtype == Dtype::f64) {
    fill<double>(cos, sin, theta, scaling);
  } else if (cos.dtype == Dtype::f32) {
    fill<float>(cos, sin, theta, scaling);
  } else {
    fail("rope_table: tables are float32 or float64, not {}", dtype_name(cos.dtype));
  }
}

}  // namespace cairn
