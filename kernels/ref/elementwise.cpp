#include "kernels/ref/ref.h"

namespace cairn::ref {

void add(Context&, const Tensor& y, const Tensor& a, const Tensor& b) {
  with_type(y, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < y.size(); ++i) y.as<T>()[i] = a.as<T>()[i] + b.as<T>()[i];
  });
}

void scale(Context&, const Tensor& y, const Tensor& x, double factor) {
  with_type(y, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < y.size(); ++i) y.as<T>()[i] = static_cast<T>(factor * x.as<T>()[i]);
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
