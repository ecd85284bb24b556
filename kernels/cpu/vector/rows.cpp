// Operations on rows: RMSNorm, rotary embedding, cross entropy. A row is read from memory once and stays in L1 for the other
// passes.
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

CAIRN_INLINE Vec read(const float* p, std::int64_t left) {
  return left >= W ? load(p) : load_first(p, left);
}
CAIRN_INLINE void write(float* p, Vec v, std::int64_t left) {
  if (left >= W) {
    store(p, v);
  } else {
    store_first(p, v, left);
  }
}

}  // namespace

void rmsnorm_forward(std::int64_t n, std::int64_t D, float* y, float* inv_rms, const float* x, const float* w, float eps) {
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

void rmsnorm_backward(std::int64_t n, std::int64_t D, float* dx, float* dw_piece, const float* dy, const float* x, const float* w,
                      const float* inv_rms) {
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
      write(dx + d, inverse * (read(w + d, left) * g - xhat * mean), left);
    }
  }
}

void rope(std::int64_t n, std::int64_t H, std::int64_t E, float* y, const float* x, const float* cos, const float* sin,
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

void cross_entropy(std::int64_t n, std::int64_t V, float* losses, float* logits, const std::int32_t* targets,
                   const float* weights, bool with_gradient) {
  for (std::int64_t row = 0; row < n; ++row, logits += V) {
    if (weights[row] == 0) {
      losses[row] = 0;
      for (std::int64_t v = 0; v < V && with_gradient; ++v) logits[v] = 0;
      continue;
    }
    Vec most = splat(logits[0]);
    std::int64_t v = 0;
    for (; v + W <= V; v += W) most = max(most, load(logits + v));
    float highest = max_lanes(most);
    for (; v < V; ++v) highest = logits[v] > highest ? logits[v] : highest;

    const float target_logit = logits[targets[row]];
    const Vec shift = splat(highest);
    const Vec low = splat(-1e30f);  // what lanes beyond the row count as: e^low = 0
    Vec sum = splat(0.0f);
    double total = 0;
    std::int64_t in_chunk = 0;
    for (v = 0; v < V; v += W) {
      const std::int64_t left = V - v;
      Vec e;
      if (left >= W) {
        e = exp(load(logits + v) - shift);
      } else {
        float lanes[W];
        store(lanes, low);
        for (std::int64_t i = 0; i < left; ++i) lanes[i] = logits[v + i] - highest;
        e = exp(load(lanes));
      }
      if (with_gradient) write(logits + v, e, left);  // becomes the gradient below: one exponential per logit
      sum = sum + e;
      if (++in_chunk == 64) {  // short chains of float32, then double
        total += sum_lanes_double(sum);
        sum = splat(0.0f);
        in_chunk = 0;
      }
    }
    total += sum_lanes_double(sum);
    losses[row] = static_cast<float>(weights[row] * (std::log(total) + (static_cast<double>(highest) - target_logit)));
    if (!with_gradient) continue;
    const Vec factor = splat(static_cast<float>(weights[row] / total));
    for (v = 0; v < V; v += W) write(logits + v, read(logits + v, V - v) * factor, V - v);
    logits[targets[row]] -= weights[row];
  }
}

}  // namespace cairn::cpu::CAIRN_ISA
