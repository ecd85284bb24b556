#include "engine/train/muon.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace cairn::train {

namespace {

constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315;
constexpr double kEps = 1e-7;
constexpr Transpose kNo = Transpose::no, kYes = Transpose::yes;

Tensor first(Tensor scratch, std::int64_t rows, std::int64_t columns) {
  return scratch.rows(0, rows * columns).reshape({rows, columns});
}

}  // namespace

MuonOptions::Scale muon_scale(const std::string& name) {
  if (name == "rms") return MuonOptions::Scale::rms;
  if (name == "original") return MuonOptions::Scale::original;
  fail_usage("unknown scale '{}' of Muon; known: rms, original", name);
}

double muon_factor(MuonOptions::Scale scale, std::int64_t rows, std::int64_t columns) {
  const double r = static_cast<double>(rows), c = static_cast<double>(columns);
  return scale == MuonOptions::Scale::rms ? 0.2 * std::sqrt(std::max(r, c)) : std::sqrt(std::max(1.0, r / c));
}

void newton_schulz(Context& context, Tensor u, int iterations, const MuonScratch& scratch) {
  const std::int64_t rows = u.shape[0], columns = u.shape[1], side = std::min(rows, columns);
  const bool tall = rows > columns;
  const Tensor gram = first(scratch.gram, side, side), square = first(scratch.product, side, side);
  const Tensor next = first(scratch.next, rows, columns);
  ops::scale(context, u, u, 1 / std::max(std::sqrt(ops::sum_of_squares(context, u)), kEps));
  for (int i = 0; i < iterations; ++i) {
    ops::matmul(context, gram, u, tall ? kYes : kNo, u, tall ? kNo : kYes);  // A [side, side]
    ops::matmul(context, square, gram, kNo, gram, kNo);                      // A^2
    ops::axpby(context, gram, square, kC, kB);                               // b A + c A^2, symmetric
    if (tall) {
      ops::matmul(context, next, u, kNo, gram, kNo);
    } else {
      ops::matmul(context, next, gram, kNo, u, kNo);
    }
    ops::axpby(context, u, next, 1, kA);
  }
}

void muon_update(Context& context, Tensor p, Tensor momentum, Tensor g, const MuonOptions& options, double lr,
                 double weight_decay, double gradient_scale, const MuonScratch& scratch) {
  const std::int64_t rows = p.shape[0], columns = p.shape[1];
  const Tensor update = first(scratch.update, rows, columns);
  const double mu = options.momentum, from_gradient = (1 - mu) * gradient_scale;
  ops::axpby(context, momentum, g, from_gradient, mu);
  ops::convert(context, update, momentum);
  if (options.nesterov) ops::axpby(context, update, g, from_gradient, mu);
  newton_schulz(context, update, options.iterations, scratch);
  ops::axpby(context, p, update, -lr * muon_factor(options.scale, rows, columns), 1 - lr * weight_decay);
}

}  // namespace cairn::train
