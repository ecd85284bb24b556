// Operations on rows: biases, rotary embedding, cross entropy. A row is read from memory once and stays in L1 or L2 for the other
// passes.
#include "kernels/cpu/vector/rows.h"

#include <cmath>

#include "kernels/cpu/vector/simd_math.h"

namespace cairn::cpu::CAIRN_ISA {

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
                              const float* weights, bool with_gradient, float z_loss, float* scratch) {
  for (std::int64_t row = 0; row < n; ++row, logits += V) {
    if (weights[row] == 0) {
      losses[row] = 0;
      for (std::int64_t v = 0; v < V && with_gradient; ++v) logits[v] = A();
      continue;
    }
    Vec most[4] = {logits_at(logits, V), splat(-1e30f), splat(-1e30f), splat(-1e30f)};
    std::int64_t v = W;
    for (; v + 4 * W <= V; v += 4 * W) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) most[i] = max(load(logits + v + i * W), most[i]);
    }
    for (; v < V; v += W) most[0] = max(logits_at(logits + v, V - v), most[0]);
    const float highest = max_lanes(max(max(most[0], most[1]), max(most[2], most[3])));
    const Vec shift = splat(highest);

    // One exponential per logit: those of float32 logits wait in their places until the sum is known, others in scratch.
    float* exponentials = scratch;
    if constexpr (sizeof(A) == sizeof(float)) exponentials = logits;
    const float target_logit = logits[targets[row]];
    Vec sum = splat(0.0f);
    double total = 0;
    std::int64_t in_chunk = 0;
    for (v = 0; v < V; v += W) {
      const Vec e = exp(logits_at(logits + v, V - v) - shift);
      if (with_gradient) write(exponentials + v, e, V - v);
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
    const float at_target = exponentials[targets[row]] * by_sum - weights[row];
    for (v = 0; v < V; v += W) write(logits + v, read(exponentials + v, V - v) * splat(by_sum), V - v);
    write(logits + targets[row], splat(at_target), 1);
  }
}

template struct RowOps<float>;
template struct RowOps<Bf16>;

}  // namespace cairn::cpu::CAIRN_ISA
