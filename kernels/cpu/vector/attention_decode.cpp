// Attention of a few queries over many keys, as in generation: keys and values stream from memory once, in whatever type they are
// kept, and all arithmetic is in float32.
#include <cmath>

#include "kernels/cpu/vector/attention.h"
#include "kernels/cpu/vector/gemm_tile.h"
#include "kernels/cpu/vector/simd_math.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

// out [R, E] = p [R, keys] v [keys, E]: v streams from memory once for R queries.
template <int R, typename A>
void weighted_rows(std::int64_t keys, std::int64_t E, const float* p, std::int64_t p_stride, const A* v, std::int64_t v_stride,
                   A* const* out) {
  constexpr int kWide = 4;
  for (std::int64_t e = 0; e < E; e += kWide * W) {
    Vec sum[R][kWide];
    for (int i = 0; i < R; ++i) {
      for (int j = 0; j < kWide; ++j) sum[i][j] = splat(0.0f);
    }
    const bool full = E - e >= kWide * W;
    for (std::int64_t key = 0; key < keys; ++key) {
      const A* row = v + key * v_stride + e;
#pragma GCC unroll 4
      for (int j = 0; j < kWide; ++j) {
        const std::int64_t left = E - e - j * W;
        if (!full && left <= 0) break;
        const Vec value = full || left >= W ? load(row + j * W) : load_first(row + j * W, left);
#pragma GCC unroll 4
        for (int i = 0; i < R; ++i) sum[i][j] = fma(splat(p[i * p_stride + key]), value, sum[i][j]);
      }
    }
    for (int i = 0; i < R; ++i) {
      for (int j = 0; j < kWide; ++j) {
        if (E - e > j * W) store_first(out[i] + e + j * W, sum[i][j], E - e - j * W);
      }
    }
  }
}

}  // namespace

template <typename A>
std::int64_t AttentionOps<A>::decode_scratch(std::int64_t rows, std::int64_t S, std::int64_t E) {
  return rows * (S + E) + E * kNr + 4 * W;
}

template <typename A>
void AttentionOps<A>::decode(const AttentionForward<A>& g, float* scratch) {
  const std::int64_t E = g.E, offset = g.S - g.T, rows = g.group * g.T;
  std::int64_t least = g.first_key[0];
  for (std::int64_t t = 0; t < g.T; ++t) least = g.first_key[t] < least ? g.first_key[t] : least;
  const std::int64_t keys = g.S - least;
  float* queries = scratch;            // [group * T, E], scaled
  float* turned = queries + rows * E;  // [E, kNr] of the keys
  float* p = turned + E * kNr + W;     // [group * T, keys]
  for (std::int64_t r = 0; r < rows; ++r) {
    const A* q = g.q + r / g.T * g.q_head + r % g.T * g.q_stride;
    for (std::int64_t e = 0; e < E; ++e) queries[r * E + e] = q[e] * g.scale;
  }
  // Keys across: turning a block of them once costs less than a horizontal sum for each key and query.
  for (std::int64_t key = 0; key < keys; key += kNr) {
    const std::int64_t some = keys - key < kNr ? keys - key : kNr;
    pack_transposed<WordsOfFloat<A>>(g.k + (least + key) * g.k_stride, g.k_stride, some, E, turned, kNr);
    multiply<Layout::rows_first>(rows, some, E, queries, E, turned, kNr, p + key, keys, false);
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t t = r % g.T, first = g.first_key[t] - least, count = offset + t + 1 - g.first_key[t];
    float* row = p + r * keys;
    float* seen = row + first;
    float most = seen[0];
    for (std::int64_t i = 1; i < count; ++i) most = seen[i] > most ? seen[i] : most;
    Vec sum = splat(0.0f);
    std::int64_t i = 0;
    for (; i + W <= count; i += W) {
      const Vec e = exp(load(seen + i) - splat(most));
      store(seen + i, e);
      sum = sum + e;
    }
    double total = sum_lanes_double(sum);
    if (i < count) {
      float rest[W];
      store(rest, exp(load_first(seen + i, count - i) - splat(most)));
      for (std::int64_t lane = 0; lane < count - i; ++lane) {
        seen[i + lane] = rest[lane];
        total += rest[lane];
      }
    }
    const float inverse = static_cast<float>(1.0 / total);
    for (std::int64_t key = 0; key < keys; ++key) row[key] = key < first || key >= first + count ? 0.0f : row[key] * inverse;
    g.lse[r] = static_cast<float>(most + std::log(total));
  }
  const A* v = g.v + least * g.v_stride;
  for (std::int64_t r = 0; r < rows; r += 4) {
    A* out[4] = {};
    const std::int64_t some = rows - r < 4 ? rows - r : 4;
    for (std::int64_t i = 0; i < some; ++i) out[i] = g.o + (r + i) / g.T * g.o_head + (r + i) % g.T * g.o_stride;
    switch (some) {
      case 4:
        weighted_rows<4>(keys, E, p + r * keys, keys, v, g.v_stride, out);
        break;
      case 3:
        weighted_rows<3>(keys, E, p + r * keys, keys, v, g.v_stride, out);
        break;
      case 2:
        weighted_rows<2>(keys, E, p + r * keys, keys, v, g.v_stride, out);
        break;
      default:
        weighted_rows<1>(keys, E, p + r * keys, keys, v, g.v_stride, out);
    }
  }
}

template std::int64_t AttentionOps<float>::decode_scratch(std::int64_t, std::int64_t, std::int64_t);
template std::int64_t AttentionOps<Bf16>::decode_scratch(std::int64_t, std::int64_t, std::int64_t);
template void AttentionOps<float>::decode(const AttentionForward<float>&, float*);
template void AttentionOps<Bf16>::decode(const AttentionForward<Bf16>&, float*);

}  // namespace cairn::cpu::CAIRN_ISA
