// Operations on elements: one pass over memory, which is what they cost.
#include "kernels/cpu/vector/elements.h"

#include "kernels/cpu/vector/simd_math.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

constexpr float kBeta = 0.5f, kEps = -1e-6f;  // of xIELU (spec/apertus.md §1.4)

// Calls body(index, lanes, read, write) for each vector of n elements; the last may be partial.
template <typename Body>
CAIRN_INLINE void each_vector(std::int64_t n, Body&& body) {
  std::int64_t i = 0;
  for (; i + W <= n; i += W) {
    body(
        i, [](const float* p) { return load(p); }, [](float* p, Vec v) { store(p, v); });
  }
  if (i < n) {
    const std::int64_t left = n - i;
    body(
        i, [left](const float* p) { return load_first(p, left); }, [left](float* p, Vec v) { store_first(p, v, left); });
  }
}

// expm1(min(x, eps)) - x for x <= 0, and the exponential part of its slope, which the clamp kills above eps and halves at eps.
struct NegativeSide {
  Vec value, slope;  // slope: d/dx expm1(min(x, eps))
};
CAIRN_INLINE NegativeSide negative_side(Vec x) {
  const Vec eps = splat(kEps);
  const Mask below = greater(eps, x);
  const ExpMinusLinear e = exp_minus_linear(min(splat(0.0f), x));
  const Vec clamped = splat(-9.999995e-07f) - x;  // expm1(eps) - x
  const Vec at = select(greater_equal(eps, x), e.exp * splat(0.5f), splat(0.0f));
  return {select(below, e.rest, clamped), select(below, e.exp, at)};
}

}  // namespace

void xielu_forward(std::int64_t n, float* y, const float* x, float alpha_p, float alpha_n) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) {
    const Vec v = read(x + i);
    const Vec curve = select(greater(v, splat(0.0f)), splat(alpha_p) * v * v, splat(alpha_n) * negative_side(v).value);
    write(y + i, fma(splat(kBeta), v, curve));
  });
}

void xielu_backward(std::int64_t n, float* dx, double* sums, const float* dy, const float* x, float alpha_p, float alpha_n) {
  Vec sum_p = splat(0.0f), sum_n = splat(0.0f);
  const Vec zero = splat(0.0f);
  each_vector(n, [&](std::int64_t i, auto read, auto write) {
    const Vec v = read(x + i), g = read(dy + i);
    const Mask positive = greater(v, zero);
    const NegativeSide side = negative_side(v);
    const Vec slope_n = splat(alpha_n) * (side.slope - splat(1.0f));
    const Vec slope = select(positive, splat(2 * alpha_p) * v, slope_n) + splat(kBeta);
    sum_p = fma(g, select(positive, v * v, zero), sum_p);
    sum_n = fma(g, select(positive, zero, side.value), sum_n);
    write(dx + i, g * slope);
  });
  sums[0] = sum_lanes_double(sum_p);
  sums[1] = sum_lanes_double(sum_n);
}

void add(std::int64_t n, float* y, const float* a, const float* b) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) { write(y + i, read(a + i) + read(b + i)); });
}

void scale(std::int64_t n, float* y, const float* x, float factor) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) { write(y + i, read(x + i) * splat(factor)); });
}

// Products of two float32 are exact in double, so only the additions round.
double sum_of_squares(std::int64_t n, const float* x) {
  constexpr int kChains = 8;
  double sum[kChains * 4] = {};
  using Double4 = double __attribute__((vector_size(32)));
  using Float4 = float __attribute__((vector_size(16)));
  Double4 chain[kChains] = {};
  std::int64_t i = 0;
  for (; i + 4 * kChains <= n; i += 4 * kChains) {
#pragma GCC unroll 8
    for (int j = 0; j < kChains; ++j) {
      Float4 v;
      __builtin_memcpy(&v, x + i + 4 * j, sizeof v);
      const Double4 d = __builtin_convertvector(v, Double4);
      chain[j] += d * d;
    }
  }
  __builtin_memcpy(sum, chain, sizeof chain);
  for (; i < n; ++i) sum[0] += static_cast<double>(x[i]) * x[i];
  double total = 0;
  for (const double part : sum) total += part;
  return total;
}

// Moments move by (1 - beta) of the distance: beta itself near 1 would be rounded away in float32.
void adamw(std::int64_t n, float* p, float* m, float* v, const float* g, const AdamStep& step) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) {
    const Vec grad = read(g + i), value = read(p + i), m_before = read(m + i), v_before = read(v + i);
    const Vec mean = fma(splat(step.beta1_rest), grad - m_before, m_before);
    const Vec square = fma(splat(step.beta2_rest), fma(grad, grad, splat(0.0f) - v_before), v_before);
    write(m + i, mean);
    write(v + i, square);
    const Vec denominator = fma(sqrt(square), splat(step.inverse_sqrt_correction2), splat(step.eps));
    const Vec update = fma(splat(step.weight_decay), value, mean * splat(step.inverse_correction1) / denominator);
    write(p + i, fma(splat(-step.lr), update, value));
  });
}

void ademamix(std::int64_t n, float* p, float* m1, float* m2, float* v, const float* g, const AdamStep& step) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) {
    const Vec grad = read(g + i), value = read(p + i), m1_before = read(m1 + i), m2_before = read(m2 + i), v_before = read(v + i);
    const Vec fast = fma(splat(step.beta1_rest), grad - m1_before, m1_before);
    const Vec slow = fma(splat(step.beta3_rest), grad - m2_before, m2_before);
    const Vec square = fma(splat(step.beta2_rest), fma(grad, grad, splat(0.0f) - v_before), v_before);
    write(m1 + i, fast);
    write(m2 + i, slow);
    write(v + i, square);
    const Vec denominator = fma(sqrt(square), splat(step.inverse_sqrt_correction2), splat(step.eps));
    const Vec direction = fma(splat(step.alpha), slow, fast * splat(step.inverse_correction1)) / denominator;
    write(p + i, fma(splat(-step.lr), fma(splat(step.weight_decay), value, direction), value));
  });
}

double fma_rounds(std::int64_t rounds, float* sink) {
  constexpr int kChains = 12;  // more than latency times units; fits 16 registers
  Vec sum[kChains];
  for (int i = 0; i < kChains; ++i) sum[i] = splat(sink[0] + static_cast<float>(i));
  const Vec a = splat(0.999f), b = splat(1e-3f);
  for (std::int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sum[i] = fma(sum[i], a, b);
  }
  Vec total = sum[0];
  for (int i = 1; i < kChains; ++i) total = total + sum[i];
  *sink = sum_lanes(total);
  return 2.0 * W * kChains * static_cast<double>(rounds);
}

void exp_array(std::int64_t n, float* y, const float* x) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) { write(y + i, exp(read(x + i))); });
}

void exp_minus_linear_array(std::int64_t n, float* rest, float* exp_out, const float* x) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) {
    const ExpMinusLinear e = exp_minus_linear(read(x + i));
    write(rest + i, e.rest);
    write(exp_out + i, e.exp);
  });
}

}  // namespace cairn::cpu::CAIRN_ISA
