// Operations on elements: one pass over memory, which is what they cost.
#include "kernels/cpu/vector/elements.h"

#include <type_traits>

#include "kernels/cpu/vector/gemm_kinds.h"
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
        i, [](const auto* p) { return load(p); }, [](auto* p, Vec v) { store(p, v); });
  }
  if (i < n) {
    const std::int64_t left = n - i;
    body(
        i, [left](const auto* p) { return load_first(p, left); }, [left](auto* p, Vec v) { store_first(p, v, left); });
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

template <typename A>
void ElementOps<A>::xielu_forward(std::int64_t n, A* y, const A* x, float alpha_p, float alpha_n) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) {
    const Vec v = read(x + i);
    const Vec curve = select(greater(v, splat(0.0f)), splat(alpha_p) * v * v, splat(alpha_n) * negative_side(v).value);
    write(y + i, fma(splat(kBeta), v, curve));
  });
}

template <typename A>
void ElementOps<A>::xielu_backward(std::int64_t n, A* dx, double* sums, const A* dy, const A* x, float alpha_p, float alpha_n) {
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

namespace {

CAIRN_INLINE Vec sigmoid(Vec x) {
  return splat(1.0f) / (splat(1.0f) + exp(splat(0.0f) - x));
}
// x where it is positive, 0 where not; what is no number stays none.
CAIRN_INLINE Vec positive_part(Vec x) {
  return max(splat(0.0f), x);
}

}  // namespace

template <typename A>
void ElementOps<A>::swiglu_forward(std::int64_t n, A* y, const A* gate, const A* up) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) {
    const Vec g = read(gate + i);
    write(y + i, g * sigmoid(g) * read(up + i));
  });
}

template <typename A>
void ElementOps<A>::swiglu_backward(std::int64_t n, A* dgate, A* dup, const A* dy, const A* gate, const A* up) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) {
    const Vec g = read(gate + i), u = read(up + i), d = read(dy + i), s = sigmoid(g), one = splat(1.0f);
    write(dgate + i, d * u * s * fma(g, one - s, one));
    write(dup + i, d * (g * s));
  });
}

template <typename A>
void ElementOps<A>::relu2_forward(std::int64_t n, A* y, const A* x) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) {
    const Vec v = positive_part(read(x + i));
    write(y + i, v * v);
  });
}

template <typename A>
void ElementOps<A>::relu2_backward(std::int64_t n, A* dx, const A* dy, const A* x) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) {
    const Vec v = positive_part(read(x + i));
    write(dx + i, (v + v) * read(dy + i));
  });
}

template <typename A>
void ElementOps<A>::add(std::int64_t n, A* y, const A* a, const A* b) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) { write(y + i, read(a + i) + read(b + i)); });
}

template <typename A>
void ElementOps<A>::add_to(std::int64_t n, float* y, const A* x) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) { write(y + i, read(y + i) + read(x + i)); });
}

template <typename A>
void ElementOps<A>::scale(std::int64_t n, A* y, const A* x, float factor) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) { write(y + i, read(x + i) * splat(factor)); });
}

template <typename A>
template <typename Y>
void ElementOps<A>::axpby(std::int64_t n, Y* y, const A* x, float a, float b) {
  each_vector(n,
              [&](std::int64_t i, auto read, auto write) { write(y + i, fma(splat(a), read(x + i), splat(b) * read(y + i))); });
}

template <typename A>
template <typename Y>
void ElementOps<A>::convert(std::int64_t n, Y* y, const A* x) {
  for (std::int64_t i = 0; i < n; i += W) write_exactly(y + i, read(x + i, n - i), n - i);
}

// Products of two float32 are exact in double, so only the additions round.
template <typename A>
double ElementOps<A>::sum_of_squares(std::int64_t n, const A* x) {
  constexpr int kChains = 8;
  double sum[kChains * 4] = {};
  using Double4 = double __attribute__((vector_size(32)));
  using Float4 = float __attribute__((vector_size(16)));
  Double4 chain[kChains] = {};
  std::int64_t i = 0;
  for (; i + 4 * kChains <= n; i += 4 * kChains) {
    float block[4 * kChains];
#pragma GCC unroll 8
    for (int j = 0; j < 4 * kChains; j += W) store(block + j, load(x + i + j));
#pragma GCC unroll 8
    for (int j = 0; j < kChains; ++j) {
      Float4 v;
      __builtin_memcpy(&v, block + 4 * j, sizeof v);
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

template struct ElementOps<float>;
template struct ElementOps<Bf16>;
template void ElementOps<float>::axpby(std::int64_t, float*, const float*, float, float);
template void ElementOps<float>::axpby(std::int64_t, Bf16*, const float*, float, float);
template void ElementOps<Bf16>::axpby(std::int64_t, float*, const Bf16*, float, float);
template void ElementOps<Bf16>::axpby(std::int64_t, Bf16*, const Bf16*, float, float);
template void ElementOps<float>::convert(std::int64_t, float*, const float*);
template void ElementOps<float>::convert(std::int64_t, Bf16*, const float*);
template void ElementOps<Bf16>::convert(std::int64_t, float*, const Bf16*);
template void ElementOps<Bf16>::convert(std::int64_t, Bf16*, const Bf16*);

template <typename A>
double multiply_add_rounds(std::int64_t rounds, float* sink) {
  using Kind = std::conditional_t<std::is_same_v<A, Bf16>, Narrow, Floats>;
  constexpr int kChains = 12;  // more than latency times units; fits 16 registers
  Vec sum[kChains];
  for (int i = 0; i < kChains; ++i) sum[i] = splat(sink[0] + static_cast<float>(i));
  const Vec a = splat(0.999f), b = splat(1e-3f);
  for (std::int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sum[i] = Kind::multiply_add(a, b, sum[i]);
  }
  Vec total = sum[0];
  for (int i = 1; i < kChains; ++i) total = total + sum[i];
  *sink = sum_lanes(total);
  return 2.0 * Kind::kNumbers * Kind::kTogether * W * kChains * static_cast<double>(rounds);
}
template double multiply_add_rounds<float>(std::int64_t, float*);
template double multiply_add_rounds<Bf16>(std::int64_t, float*);

void exp_array(std::int64_t n, float* y, const float* x) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) { write(y + i, exp(read(x + i))); });
}

template <typename A>
void exp2_array(std::int64_t n, float* y, const float* x) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) { write(y + i, exp2_of_negative<A>(read(x + i))); });
}
template void exp2_array<float>(std::int64_t, float*, const float*);
template void exp2_array<Bf16>(std::int64_t, float*, const float*);

void exp_minus_linear_array(std::int64_t n, float* rest, float* exp_out, const float* x) {
  each_vector(n, [&](std::int64_t i, auto read, auto write) {
    const ExpMinusLinear e = exp_minus_linear(read(x + i));
    write(rest + i, e.rest);
    write(exp_out + i, e.exp);
  });
}

}  // namespace cairn::cpu::CAIRN_ISA
