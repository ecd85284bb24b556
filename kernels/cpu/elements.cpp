// xIELU, sums, optimizers: passes over elements.
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

AdamStep constants(double beta1, double beta2, double eps, double lr, double weight_decay, std::int64_t step) {
  const double steps = static_cast<double>(step);
  AdamStep constants{};
  constants.beta1_rest = static_cast<float>(1 - beta1);
  constants.beta2_rest = static_cast<float>(1 - beta2);
  constants.inverse_correction1 = static_cast<float>(1 / (1 - std::pow(beta1, steps)));
  constants.inverse_sqrt_correction2 = static_cast<float>(1 / std::sqrt(1 - std::pow(beta2, steps)));
  constants.eps = static_cast<float>(eps);
  constants.lr = static_cast<float>(lr);
  constants.weight_decay = static_cast<float>(weight_decay);
  return constants;
}

}  // namespace

void xielu_forward(Context& context, const Tensor& y, const Tensor& x, const Tensor& a_p, const Tensor& a_n) {
  const Routines& routines = routines_of(context);
  const Alphas alphas{a_p.as<float>()[0], a_n.as<float>()[0]};
  context.pool.parallel_ranges(x.size(), kPiece, [&, p = alphas.p(), n = alphas.n()](std::int64_t begin, std::int64_t end) {
    routines.xielu_forward(end - begin, y.as<float>() + begin, x.as<float>() + begin, p, n);
  });
}

void xielu_backward(Context& context, const Tensor& dx, const Tensor& da_p, const Tensor& da_n, const Tensor& dy, const Tensor& x,
                    const Tensor& a_p, const Tensor& a_n) {
  const Routines& routines = routines_of(context);
  const Alphas alphas{a_p.as<float>()[0], a_n.as<float>()[0]};
  std::vector<double> sums(static_cast<std::size_t>((x.size() + kPiece - 1) / kPiece * 2));
  context.pool.parallel_ranges(x.size(), kPiece, [&, p = alphas.p(), n = alphas.n()](std::int64_t begin, std::int64_t end) {
    routines.xielu_backward(end - begin, dx.as<float>() + begin, sums.data() + begin / kPiece * 2, dy.as<float>() + begin,
                            x.as<float>() + begin, p, n);
  });
  double sum_p = 0, sum_n = 0;
  for (std::size_t piece = 0; piece < sums.size(); piece += 2) {
    sum_p += sums[piece];
    sum_n += sums[piece + 1];
  }
  da_p.as<float>()[0] = static_cast<float>(da_p.as<float>()[0] + sum_p * softplus_slope(alphas.raw_p));
  da_n.as<float>()[0] = static_cast<float>(da_n.as<float>()[0] + sum_n * softplus_slope(alphas.raw_n));
}

void add(Context& context, const Tensor& y, const Tensor& a, const Tensor& b) {
  const Routines& routines = routines_of(context);
  context.pool.parallel_ranges(y.size(), kPiece, [&](std::int64_t begin, std::int64_t end) {
    routines.add(end - begin, y.as<float>() + begin, a.as<float>() + begin, b.as<float>() + begin);
  });
}

void scale(Context& context, const Tensor& y, const Tensor& x, double factor) {
  const Routines& routines = routines_of(context);
  context.pool.parallel_ranges(y.size(), kPiece, [&](std::int64_t begin, std::int64_t end) {
    routines.scale(end - begin, y.as<float>() + begin, x.as<float>() + begin, static_cast<float>(factor));
  });
}

double sum_of_squares(Context& context, const Tensor& x) {
  const Routines& routines = routines_of(context);
  std::vector<double> sums(static_cast<std::size_t>((x.size() + kPiece - 1) / kPiece));
  context.pool.parallel_ranges(x.size(), kPiece, [&](std::int64_t begin, std::int64_t end) {
    sums[static_cast<std::size_t>(begin / kPiece)] = routines.sum_of_squares(end - begin, x.as<float>() + begin);
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

void adamw(Context& context, const Tensor& p, const Tensor& m, const Tensor& v, const Tensor& g, const AdamWParams& params) {
  const Routines& routines = routines_of(context);
  const AdamStep step = constants(params.beta1, params.beta2, params.eps, params.lr, params.weight_decay, params.step);
  context.pool.parallel_ranges(p.size(), kPiece, [&](std::int64_t begin, std::int64_t end) {
    routines.adamw(end - begin, p.as<float>() + begin, m.as<float>() + begin, v.as<float>() + begin, g.as<float>() + begin, step);
  });
}

void ademamix(Context& context, const Tensor& p, const Tensor& m1, const Tensor& m2, const Tensor& v, const Tensor& g,
              const AdEMAMixParams& params) {
  const Routines& routines = routines_of(context);
  AdamStep step = constants(params.beta1, params.beta2, params.eps, params.lr, params.weight_decay, params.step);
  step.beta3_rest = static_cast<float>(1 - params.beta3);
  step.alpha = static_cast<float>(params.alpha);
  context.pool.parallel_ranges(p.size(), kPiece, [&](std::int64_t begin, std::int64_t end) {
    routines.ademamix(end - begin, p.as<float>() + begin, m1.as<float>() + begin, m2.as<float>() + begin, v.as<float>() + begin,
                      g.as<float>() + begin, step);
  });
}

}  // namespace cairn::cpu
