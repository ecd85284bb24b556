// AdamW and AdEMAMix (kernels/ops.h): one pass over parameter, moments and gradient, which also writes the compute copy. AdEMAMix
// with float32 moments moves 38 bytes a parameter, and that is its time (spec/training.md §2.4).
#include <cmath>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/philox.h"
#include "kernels/cuda/types.h"

namespace cairn::cuda {
namespace {

constexpr int kThreads = 256;

struct Rounding {  // of bfloat16 moments: the draws of kernels/ops.h
  unsigned seed_low, seed_high, step;
  std::int64_t first_element;
};

__device__ inline void round_moment(float* to, float value, std::int64_t, unsigned, const Rounding&) {
  *to = value;
}
// Up with a probability in proportion to the distance, so that a slow average does not stick.
__device__ inline void round_moment(Bf16* to, float value, std::int64_t i, unsigned moment, const Rounding& rounding) {
  const unsigned bits = __float_as_uint(value);
  if ((bits & 0x7f800000u) == 0x7f800000u) {
    *to = from_float<Bf16>(value);
    return;
  }
  const std::uint64_t element = static_cast<std::uint64_t>(rounding.first_element + i);
  const std::uint64_t block = element / 128 * 16 + element % 16;
  const unsigned place = static_cast<unsigned>(element % 128 / 16);
  const Philox words = philox4x32_10({static_cast<unsigned>(block), static_cast<unsigned>(block >> 32), moment, rounding.step},
                                     rounding.seed_low, rounding.seed_high);
  const unsigned random = words.at[place / 2] >> (place % 2 * 16) & 0xffffu;
  to->bits = static_cast<std::uint16_t>((bits + random) >> 16);
}

struct Constants {
  float beta1_rest, beta2_rest, beta3_rest;  // 1 - beta, combined in double
  float lr, alpha, eps, weight_decay, gradient_scale;
  float correction1, root_correction2;  // 1 - beta1^t and sqrt(1 - beta2^t)
};

// Moments move by (1 - beta) of the distance: beta itself near 1 would be rounded away in float32.
__device__ inline float towards(float before, float to, float rest) {
  return before + rest * (to - before);
}

// m2 is null for AdamW: then alpha m2 is 0.
template <typename M, typename V, typename C>
__global__ void update_kernel(float* p, M* m1, M* m2, V* v, const float* g, C* copy, std::int64_t size, Constants c,
                              Rounding rounding) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= size) return;
  const float gradient = c.gradient_scale * g[i];
  const float fast = towards(to_float(m1[i]), gradient, c.beta1_rest);
  round_moment(m1 + i, fast, i, 0, rounding);
  float step = fast / c.correction1;
  unsigned next = 1;
  if (m2 != nullptr) {
    const float slow = towards(to_float(m2[i]), gradient, c.beta3_rest);
    round_moment(m2 + i, slow, i, next++, rounding);
    step += c.alpha * slow;
  }
  const float square = towards(to_float(v[i]), gradient * gradient, c.beta2_rest);
  round_moment(v + i, square, i, next, rounding);
  const float updated = p[i] - c.lr * (step / (sqrtf(square) / c.root_correction2 + c.eps) + c.weight_decay * p[i]);
  p[i] = updated;
  if (copy != nullptr) copy[i] = from_float<C>(updated);
}

template <typename Params>
Constants constants_of(const Params& params) {
  const double steps = static_cast<double>(params.step);
  Constants c{};
  c.beta1_rest = static_cast<float>(1 - params.beta1);
  c.beta2_rest = static_cast<float>(1 - params.beta2);
  c.lr = static_cast<float>(params.lr);
  c.eps = static_cast<float>(params.eps);
  c.weight_decay = static_cast<float>(params.weight_decay);
  c.gradient_scale = static_cast<float>(params.options.gradient_scale);
  c.correction1 = static_cast<float>(1 - std::pow(params.beta1, steps));
  c.root_correction2 = static_cast<float>(std::sqrt(1 - std::pow(params.beta2, steps)));
  return c;
}

void update(Context& ctx, const Tensor& p, const Tensor& m1, const Tensor& m2, const Tensor& v, const Tensor& g,
            const Tensor& copy, const Constants& constants, std::int64_t step, const UpdateOptions& options) {
  if (!m2.empty() && m2.dtype != m1.dtype) fail("the optimizers on the GPU keep both averages in one type");
  const Rounding rounding{static_cast<unsigned>(options.seed), static_cast<unsigned>(options.seed >> 32),
                          static_cast<unsigned>(step), options.first_element};
  with_type(m1, [&](auto m_type) {
    with_type(v, [&](auto v_type) {
      with_type(copy.empty() ? p : copy, [&](auto copy_type) {
        using M = decltype(m_type);
        using V = decltype(v_type);
        using C = decltype(copy_type);
        launch(update_kernel<M, V, C>, blocks_for(p.size(), kThreads), kThreads, 0, queue_of(ctx).stream(), p.as<float>(),
               m1.as<M>(), m2.as<M>(), v.as<V>(), g.as<float>(), copy.as<C>(), p.size(), constants, rounding);
      });
    });
  });
}

}  // namespace

void adamw(Context& ctx, const Tensor& p, const Tensor& m, const Tensor& v, const Tensor& g, const AdamWParams& params,
           const Tensor& copy) {
  update(ctx, p, m, Tensor(), v, g, copy, constants_of(params), params.step, params.options);
}

void ademamix(Context& ctx, const Tensor& p, const Tensor& m1, const Tensor& m2, const Tensor& v, const Tensor& g,
              const AdEMAMixParams& params, const Tensor& copy) {
  Constants constants = constants_of(params);
  constants.beta3_rest = static_cast<float>(1 - params.beta3);
  constants.alpha = static_cast<float>(params.alpha);
  update(ctx, p, m1, m2, v, g, copy, constants, params.step, params.options);
}

}  // namespace cairn::cuda
