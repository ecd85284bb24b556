// Activations of the MLP and sums: passes over elements.
#include <cmath>
#include <vector>

#include "kernels/cpu/ops.h"

namespace cairn::cpu {
namespace {

constexpr std::int64_t kPiece = 16 * 1024;  // elements; sums are taken per piece, then in piece order

double softplus(double x) {
  return x > 20 ? x : std::log1p(std::exp(x));
}
double softplus_slope(double x) {
  return x > 20 ? 1.0 : 1 / (1 + std::exp(-x));
}

struct Alphas {
  double raw_p, raw_n;
  float p() const { return static_cast<float>(softplus(raw_p)); }
  float n() const { return static_cast<float>(0.5 + softplus(raw_n)); }
};

// Calls piece(A's routines, A(), begin, end) for each piece of a tensor of type A.
template <typename Piece>
void each_piece(Context& context, const Tensor& tensor, Piece&& piece) {
  with_type(tensor, [&](auto zero) {
    const auto& routines = routines_of<decltype(zero)>(context);
    context.pool.parallel_ranges(tensor.size(), kPiece,
                                 [&](std::int64_t begin, std::int64_t end) { piece(routines, zero, begin, end); });
  });
}

std::size_t pieces_of(const Tensor& tensor) {
  return static_cast<std::size_t>((tensor.size() + kPiece - 1) / kPiece);
}

}  // namespace

void xielu_forward(Context& context, const Tensor& y, const Tensor& x, const Tensor& a_p, const Tensor& a_n) {
  const Alphas alphas{a_p.as<float>()[0], a_n.as<float>()[0]};
  each_piece(context, x,
             [&, p = alphas.p(), n = alphas.n()](const auto& routines, auto zero, std::int64_t begin, std::int64_t end) {
               using A = decltype(zero);
               routines.xielu_forward(end - begin, y.as<A>() + begin, x.as<A>() + begin, p, n);
             });
}

void xielu_backward(Context& context, const Tensor& dx, const Tensor& da_p, const Tensor& da_n, const Tensor& dy, const Tensor& x,
                    const Tensor& a_p, const Tensor& a_n) {
  const Alphas alphas{a_p.as<float>()[0], a_n.as<float>()[0]};
  std::vector<double> sums(pieces_of(x) * 2);
  each_piece(context, x,
             [&, p = alphas.p(), n = alphas.n()](const auto& routines, auto zero, std::int64_t begin, std::int64_t end) {
               using A = decltype(zero);
               routines.xielu_backward(end - begin, dx.as<A>() + begin, sums.data() + begin / kPiece * 2, dy.as<A>() + begin,
                                       x.as<A>() + begin, p, n);
             });
  double sum_p = 0, sum_n = 0;
  for (std::size_t piece = 0; piece < sums.size(); piece += 2) {
    sum_p += sums[piece];
    sum_n += sums[piece + 1];
  }
  da_p.as<float>()[0] = static_cast<float>(da_p.as<float>()[0] + sum_p * softplus_slope(alphas.raw_p));
  da_n.as<float>()[0] = static_cast<float>(da_n.as<float>()[0] + sum_n * softplus_slope(alphas.raw_n));
}

void swiglu_forward(Context& context, const Tensor& y, const Tensor& gate, const Tensor& up) {
  each_piece(context, y, [&](const auto& routines, auto zero, std::int64_t begin, std::int64_t end) {
    using A = decltype(zero);
    routines.swiglu_forward(end - begin, y.as<A>() + begin, gate.as<A>() + begin, up.as<A>() + begin);
  });
}

void swiglu_backward(Context& context, const Tensor& dgate, const Tensor& dup, const Tensor& dy, const Tensor& gate,
                     const Tensor& up) {
  each_piece(context, dy, [&](const auto& routines, auto zero, std::int64_t begin, std::int64_t end) {
    using A = decltype(zero);
    routines.swiglu_backward(end - begin, dgate.as<A>() + begin, dup.as<A>() + begin, dy.as<A>() + begin, gate.as<A>() + begin,
                             up.as<A>() + begin);
  });
}

void relu2_forward(Context& context, const Tensor& y, const Tensor& x) {
  each_piece(context, y, [&](const auto& routines, auto zero, std::int64_t begin, std::int64_t end) {
    using A = decltype(zero);
    routines.relu2_forward(end - begin, y.as<A>() + begin, x.as<A>() + begin);
  });
}

void relu2_backward(Context& context, const Tensor& dx, const Tensor& dy, const Tensor& x) {
  each_piece(context, dx, [&](const auto& routines, auto zero, std::int64_t begin, std::int64_t end) {
    using A = decltype(zero);
    routines.relu2_backward(end - begin, dx.as<A>() + begin, dy.as<A>() + begin, x.as<A>() + begin);
  });
}

void add(Context& context, const Tensor& y, const Tensor& a, const Tensor& b) {
  each_piece(context, y, [&](const auto& routines, auto zero, std::int64_t begin, std::int64_t end) {
    using A = decltype(zero);
    routines.add(end - begin, y.as<A>() + begin, a.as<A>() + begin, b.as<A>() + begin);
  });
}

void scale(Context& context, const Tensor& y, const Tensor& x, double factor) {
  each_piece(context, y, [&](const auto& routines, auto zero, std::int64_t begin, std::int64_t end) {
    using A = decltype(zero);
    routines.scale(end - begin, y.as<A>() + begin, x.as<A>() + begin, static_cast<float>(factor));
  });
}

void axpby(Context& context, const Tensor& y, const Tensor& x, double a, double b) {
  each_piece(context, x, [&](const auto& routines, auto zero, std::int64_t begin, std::int64_t end) {
    using A = decltype(zero);
    const A* from = x.as<A>() + begin;
    const float af = static_cast<float>(a), bf = static_cast<float>(b);
    if (y.dtype == Dtype::bf16) {
      routines.axpby_bf16(end - begin, y.as<Bf16>() + begin, from, af, bf);
    } else {
      routines.axpby_float(end - begin, y.as<float>() + begin, from, af, bf);
    }
  });
}

void convert(Context& context, const Tensor& y, const Tensor& x) {
  each_piece(context, x, [&](const auto& routines, auto zero, std::int64_t begin, std::int64_t end) {
    using A = decltype(zero);
    if (y.dtype == Dtype::bf16) {
      routines.to_bf16(end - begin, y.as<Bf16>() + begin, x.as<A>() + begin);
    } else {
      routines.to_float(end - begin, y.as<float>() + begin, x.as<A>() + begin);
    }
  });
}

double sum_of_squares(Context& context, const Tensor& x) {
  std::vector<double> sums(pieces_of(x));
  each_piece(context, x, [&](const auto& routines, auto zero, std::int64_t begin, std::int64_t end) {
    using A = decltype(zero);
    sums[static_cast<std::size_t>(begin / kPiece)] = routines.sum_of_squares(end - begin, x.as<A>() + begin);
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace cairn::cpu
