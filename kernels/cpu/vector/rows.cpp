// Operations on rows: RMSNorm, biases, rotary embedding, cross entropy. A row is read from memory once and stays in L1 for the
// other passes.
#include "kernels/cpu/vector/rows.h"

#include <cmath>

#include "kernels/cpu/vector/simd_math.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

// Sums of x*x, or of w*dy*x, over a row: four chains of vectors, then one fixed order.
template <typename Term>
CAIRN_INLINE float sum_row(std::int64_t D, Term&& term) {
  Vec sum[4] = {splat(0.0f), splat(0.0f), splat(0.0f), splat(0.0f)};
  std::int64_t d = 0;
  for (; d + 4 * W <= D; d += 4 * W) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) sum[i] = term(d + i * W, W, sum[i]);
  }
  for (; d < D; d += W) sum[0] = term(d, D - d, sum[0]);
  return sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

}  // namespace

template <typename A>
void RowOps<A>::rmsnorm_forward(std::int64_t n, std::int64_t D, A* y, float* inv_rms, const A* x, const float* w, float eps) {
  for (std::int64_t row = 0; row < n; ++row, x += D, y += D) {
    const float squares = sum_row(D, [&](std::int64_t d, std::int64_t left, Vec sum) {
      const Vec v = read(x + d, left);
      return fma(v, v, sum);
    });
    const float inverse = static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(squares) / static_cast<double>(D) + eps));
    inv_rms[row] = inverse;
    for (std::int64_t d = 0; d < D; d += W) write(y + d, read(x + d, D - d) * splat(inverse) * read(w + d, D - d), D - d);
  }
}

template <typename A>
void RowOps<A>::rmsnorm_backward(std::int64_t n, std::int64_t D, A* dx, float* dw_piece, const A* dy, const A* x, const float* w,
                                 const float* inv_rms, bool accumulate) {
  for (std::int64_t d = 0; d < D; ++d) dw_piece[d] = 0;
  for (std::int64_t row = 0; row < n; ++row, x += D, dx += D, dy += D) {
    const Vec inverse = splat(inv_rms[row]);
    const float dot = sum_row(D, [&](std::int64_t d, std::int64_t left, Vec sum) {
      return fma(read(w + d, left) * read(dy + d, left), read(x + d, left) * inverse, sum);
    });
    const Vec mean = splat(dot / static_cast<float>(D));
    for (std::int64_t d = 0; d < D; d += W) {
      const std::int64_t left = D - d;
      const Vec xhat = read(x + d, left) * inverse, g = read(dy + d, left);
      write(dw_piece + d, fma(g, xhat, read(dw_piece + d, left)), left);
      const Vec gradient = inverse * (read(w + d, left) * g - xhat * mean);
      write(dx + d, accumulate ? read(dx + d, left) + gradient : gradient, left);
    }
  }
}

template <typename A>
void RowOps<A>::bias_forward(std::int64_t n, std::int64_t M, A* y, const float* b) {
  for (std::int64_t row = 0; row < n; ++row, y += M) {
    for (std::int64_t m = 0; m < M; m += W) write(y + m, read(y + m, M - m) + read(b + m, M - m), M - m);
  }
}

template <typename A>
void RowOps<A>::bias_backward(std::int64_t n, std::int64_t M, float* db_piece, const A* dy) {
  for (std::int64_t m = 0; m < M; m += W) {
    Vec sum = splat(0.0f);
    for (std::int64_t row = 0; row < n; ++row) sum = sum + read(dy + row * M + m, M - m);
    write(db_piece + m, sum, M - m);
  }
}

template <typename A>
void RowOps<A>::rope(std::int64_t n, std::int64_t H, std::int64_t E, A* y, const A* x, const float* cos, const float* sin,
                     const std::int32_t* positions, float sign) {
  const std::int64_t half = E / 2;
  for (std::int64_t row = 0; row < n; ++row) {
    const float* c = cos + positions[row] * half;
    const float* s = sin + positions[row] * half;
    for (std::int64_t h = 0; h < H; ++h, x += E, y += E) {
      for (std::int64_t i = 0; i < half; i += W) {
        const std::int64_t left = half - i;
        const Vec cv = read(c + i, left), sv = splat(sign) * read(s + i, left);
        const Vec first = read(x + i, left), second = read(x + half + i, left);
        write(y + i, fma(first, cv, splat(0.0f) - second * sv), left);
        write(y + half + i, fma(second, cv, first * sv), left);
      }
    }
  }
}

namespace {

// Vector v of a row of logits; lanes beyond its end are so low that their exponential is 0.
template <typename A>
CAIRN_INLINE Vec logits_at(const A* row, std::int64_t left) {
  if (left >= W) return load(row);
  float lanes[W];
  store(lanes, load_first(row, left));
  for (std::int64_t i = left; i < W; ++i) lanes[i] = -1e30f;
  return load(lanes);
}

}  // namespace

template <typename A>
void RowOps<A>::cross_entropy(std::int64_t n, std::int64_t V, float* losses, A* logits, const std::int32_t* targets,
                              const float* weights, bool with_gradient, float z_loss) {
  // Float32 logits hold their exponentials until the sum is known: one exponential per logit. Bfloat16 would round them, so they
  // are taken again.
  constexpr bool kKeep = sizeof(A) == sizeof(float);
  for (std::int64_t row = 0; row < n; ++row, logits += V) {
    if (weights[row] == 0) {
      losses[row] = 0;
      for (std::int64_t v = 0; v < V && with_gradient; ++v) logits[v] = A();
      continue;
    }
    Vec most = logits_at(logits, V);
    for (std::int64_t v = W; v < V; v += W) most = max(most, logits_at(logits + v, V - v));
    const float highest = max_lanes(most), target_logit = logits[targets[row]];
    const Vec shift = splat(highest);
    Vec sum = splat(0.0f);
    double total = 0;
    std::int64_t in_chunk = 0;
    for (std::int64_t v = 0; v < V; v += W) {
      const Vec e = exp(logits_at(logits + v, V - v) - shift);
      if (kKeep && with_gradient) write(logits + v, e, V - v);
      sum = sum + e;
      if (++in_chunk == 64) {  // short chains of float32, then double
        total += sum_lanes_double(sum);
        sum = splat(0.0f);
        in_chunk = 0;
      }
    }
    total += sum_lanes_double(sum);
    const double log_sum = std::log(total) + static_cast<double>(highest);
    losses[row] = static_cast<float>(weights[row] * (log_sum - target_logit + z_loss * log_sum * log_sum));
    if (!with_gradient) continue;
    const float by_sum = static_cast<float>(weights[row] * (1 + 2 * z_loss * log_sum) / total);
    const Vec factor = splat(by_sum);
    for (std::int64_t v = 0; v < V; v += W) {
      const Vec logit = read(logits + v, V - v);
      write(logits + v, (kKeep ? logit : exp(logit - shift)) * factor, V - v);
    }
    if (kKeep) {
      logits[targets[row]] = A(logits[targets[row]] - weights[row]);
    } else {
      float e;
      store_first(&e, exp(splat(target_logit - highest)), 1);
      logits[targets[row]] = A(e * by_sum - weights[row]);
    }
  }
}

template struct RowOps<float>;
template struct RowOps<Bf16>;

}  // namespace cairn::cpu::CAIRN_ISA
