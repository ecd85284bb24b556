#include <cmath>

#include "kernels/ref/ref.h"

namespace cairn::ref {
namespace {

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

}  // namespace

void swiglu_forward(Context&, const Tensor& y, const Tensor& gate, const Tensor& up) {
  with_type(y, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < y.size(); ++i) {
      const double g = gate.as<T>()[i], u = up.as<T>()[i];
      y.as<T>()[i] = static_cast<T>(g * sigmoid(g) * u);
    }
  });
}

void swiglu_backward(Context&, const Tensor& dgate, const Tensor& dup, const Tensor& dy, const Tensor& gate, const Tensor& up) {
  with_type(dy, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < dy.size(); ++i) {
      const double g = gate.as<T>()[i], u = up.as<T>()[i], d = dy.as<T>()[i], s = sigmoid(g);
      dgate.as<T>()[i] = static_cast<T>(d * u * s * (1 + g * (1 - s)));
      dup.as<T>()[i] = static_cast<T>(d * g * s);
    }
  });
}

void relu2_forward(Context&, const Tensor& y, const Tensor& x) {
  with_type(y, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < y.size(); ++i) {
      const double v = x.as<T>()[i];
      y.as<T>()[i] = static_cast<T>(v <= 0 ? 0.0 : v * v);  // what is no number stays none
    }
  });
}

void relu2_backward(Context&, const Tensor& dx, const Tensor& dy, const Tensor& x) {
  with_type(dx, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < dx.size(); ++i) {
      const double v = x.as<T>()[i], d = dy.as<T>()[i];
      dx.as<T>()[i] = static_cast<T>((v <= 0 ? 0.0 : 2 * v) * d);
    }
  });
}

}  // namespace cairn::ref
