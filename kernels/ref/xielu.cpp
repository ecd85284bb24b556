#include <algorithm>
#include <cmath>

#include "kernels/ref/ref.h"

namespace cairn::ref {
namespace {

constexpr double kBeta = 0.5;

double softplus(double x) {
  return x > 20 ? x : std::log1p(std::exp(x));
}
double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

// The clamp as the type of the computation holds it: -1e-6 rounded to float32 is another number.
template <typename T>
constexpr double kEps = static_cast<double>(static_cast<Statistics<T>>(-1e-6));

}  // namespace

void xielu_forward(Context&, const Tensor& y, const Tensor& x, const Tensor& a_p, const Tensor& a_n) {
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    using S = Statistics<T>;
    const double alpha_p = softplus(a_p.as<S>()[0]), alpha_n = kBeta + softplus(a_n.as<S>()[0]);
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const double v = x.as<T>()[i];
      const double out = v > 0 ? alpha_p * v * v + kBeta * v : alpha_n * (std::expm1(std::min(v, kEps<T>)) - v) + kBeta * v;
      y.as<T>()[i] = static_cast<T>(out);
    }
  });
}

void xielu_backward(Context&, const Tensor& dx, const Tensor& da_p, const Tensor& da_n, const Tensor& dy, const Tensor& x,
                    const Tensor& a_p, const Tensor& a_n) {
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    using S = Statistics<T>;
    const double raw_p = a_p.as<S>()[0], raw_n = a_n.as<S>()[0];
    const double alpha_p = softplus(raw_p), alpha_n = kBeta + softplus(raw_n);
    double sum_p = 0, sum_n = 0;
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const double v = x.as<T>()[i], g = dy.as<T>()[i];
      double slope;
      if (v > 0) {
        slope = 2 * alpha_p * v + kBeta;
        sum_p += g * v * v;
      } else {
        // min(v, eps) passes the gradient below eps, none above, and half of it at eps itself, as torch.min shares it.
        const double pass = v < kEps<T> ? 1.0 : v == kEps<T> ? 0.5 : 0.0;
        slope = alpha_n * (pass * std::exp(v) - 1) + kBeta;
        sum_n += g * (std::expm1(std::min(v, kEps<T>)) - v);
      }
      dx.as<T>()[i] = static_cast<T>(g * slope);
    }
    da_p.as<S>()[0] = static_cast<S>(da_p.as<S>()[0] + sum_p * (raw_p > 20 ? 1.0 : sigmoid(raw_p)));
    da_n.as<S>()[0] = static_cast<S>(da_n.as<S>()[0] + sum_n * (raw_n > 20 ? 1.0 : sigmoid(raw_n)));
  });
}

}  // namespace cairn::ref
