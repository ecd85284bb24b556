#include "kernels/ref/ref.h"

namespace cairn::ref {

void add(Context&, const Tensor& y, const Tensor& a, const Tensor& b) {
  with_type(y, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < y.size(); ++i) y.as<T>()[i] = static_cast<T>(a.as<T>()[i] + b.as<T>()[i]);
  });
}

void scale(Context&, const Tensor& y, const Tensor& x, double factor) {
  with_type(y, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < y.size(); ++i) y.as<T>()[i] = static_cast<T>(factor * x.as<T>()[i]);
  });
}

void axpby(Context&, const Tensor& y, const Tensor& x, double a, double b) {
  const auto combine = [&](auto zero, auto x_zero) {
    using T = decltype(zero);
    using X = decltype(x_zero);
    for (std::int64_t i = 0; i < y.size(); ++i) y.as<T>()[i] = static_cast<T>(a * x.as<X>()[i] + b * y.as<T>()[i]);
  };
  with_type(y, [&](auto zero) { with_type(x, [&](auto x_zero) { combine(zero, x_zero); }); });
}

void convert(Context&, const Tensor& y, const Tensor& x) {
  const auto copy = [&](auto zero, auto x_zero) {
    using T = decltype(zero);
    using X = decltype(x_zero);
    for (std::int64_t i = 0; i < y.size(); ++i) y.as<T>()[i] = static_cast<T>(x.as<X>()[i]);
  };
  with_type(y, [&](auto zero) { with_type(x, [&](auto x_zero) { copy(zero, x_zero); }); });
}

void bias_forward(Context&, const Tensor& y, const Tensor& b) {
  with_type(y, [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t N = y.shape[0], M = y.shape[1];
    for (std::int64_t n = 0; n < N; ++n) {
      for (std::int64_t m = 0; m < M; ++m) {
        y.as<T>()[n * M + m] = static_cast<T>(static_cast<double>(y.as<T>()[n * M + m]) + b.as<Statistics<T>>()[m]);
      }
    }
  });
}

void bias_backward(Context&, const Tensor& db, const Tensor& dy) {
  with_type(dy, [&](auto zero) {
    using T = decltype(zero);
    using S = Statistics<T>;
    const std::int64_t N = dy.shape[0], M = dy.shape[1];
    for (std::int64_t m = 0; m < M; ++m) {
      double sum = 0;
      for (std::int64_t n = 0; n < N; ++n) sum += dy.as<T>()[n * M + m];
      db.as<S>()[m] = static_cast<S>(db.as<S>()[m] + sum);
    }
  });
}

double sum_of_squares(Context&, const Tensor& x) {
  double sum = 0;
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < x.size(); ++i) sum += static_cast<double>(x.as<T>()[i]) * x.as<T>()[i];
  });
  return sum;
}

}  // namespace cairn::ref
