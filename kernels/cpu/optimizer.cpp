// The optimizers' updates: one pass over parameters, moments and gradients.
#include <cmath>

#include "kernels/cpu/ops.h"

namespace cairn::cpu {
namespace {

constexpr std::int64_t kPiece = 16 * 1024;  // elements

StoredFloats stored(const Tensor& tensor) {
  return {tensor.data, tensor.dtype == Dtype::bf16};
}

template <typename Params>
AdamStep constants(const Params& params) {
  const double steps = static_cast<double>(params.step);
  AdamStep constants{};
  constants.beta1_rest = static_cast<float>(1 - params.beta1);
  constants.beta2_rest = static_cast<float>(1 - params.beta2);
  constants.inverse_correction1 = static_cast<float>(1 / (1 - std::pow(params.beta1, steps)));
  constants.inverse_sqrt_correction2 = static_cast<float>(1 / std::sqrt(1 - std::pow(params.beta2, steps)));
  constants.eps = static_cast<float>(params.eps);
  constants.lr = static_cast<float>(params.lr);
  constants.weight_decay = static_cast<float>(params.weight_decay);
  constants.gradient_scale = static_cast<float>(params.options.gradient_scale);
  constants.seed = params.options.seed;
  constants.first_element = static_cast<std::uint64_t>(params.options.first_element);
  constants.step = static_cast<std::uint32_t>(params.step);
  return constants;
}

}  // namespace

void adamw(Context& context, const Tensor& p, const Tensor& m, const Tensor& v, const Tensor& g, const AdamWParams& params,
           const Tensor& copy) {
  const Routines& routines = routines_of(context);
  const AdamStep step = constants(params);
  context.pool.parallel_ranges(p.size(), kPiece, [&](std::int64_t begin, std::int64_t end) {
    routines.adamw(begin, end, p.as<float>(), stored(m), stored(v), g.as<float>(), stored(copy), step);
  });
}

void ademamix(Context& context, const Tensor& p, const Tensor& m1, const Tensor& m2, const Tensor& v, const Tensor& g,
              const AdEMAMixParams& params, const Tensor& copy) {
  const Routines& routines = routines_of(context);
  AdamStep step = constants(params);
  step.beta3_rest = static_cast<float>(1 - params.beta3);
  step.alpha = static_cast<float>(params.alpha);
  context.pool.parallel_ranges(p.size(), kPiece, [&](std::int64_t begin, std::int64_t end) {
    routines.ademamix(begin, end, p.as<float>(), stored(m1), stored(m2), stored(v), g.as<float>(), stored(copy), step);
  });
}

}  // namespace cairn::cpu
