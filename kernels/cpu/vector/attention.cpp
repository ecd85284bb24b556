// Attention by tiles, without ever holding a T x S matrix (Dao et al. 2022, in the order that suits vectors here).
//
// Scores are kept transposed, keys down and kNr queries across. So the softmax runs down the lanes without one horizontal
// operation, and each of the products finds its operands in place: K and V are packed once per head, the probabilities are a B
// operand as they lie, and V, K and the gradients are read where they are. Key blocks start at multiples of kKeys: the order of
// every sum depends on shapes and documents alone.
#include "kernels/cpu/vector/attention.h"

#include <cmath>

#include "kernels/cpu/vector/gemm_tile.h"
#include "kernels/cpu/vector/simd_math.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

constexpr std::int64_t kQueries = kNr;  // in a block
constexpr std::int64_t kKeys = 8 * kMr;
constexpr float kMasked = -1e30f;

std::int64_t round_up(std::int64_t size, std::int64_t unit) {
  return (size + unit - 1) / unit * unit;
}

// Which keys the queries of a block see, per lane and together. Lanes without a query see everything.
struct Visible {
  float first[kQueries], last[kQueries];
  std::int64_t least_first, most_first, least_last, most_last;

  Visible(const std::int32_t* first_key, std::int64_t offset, std::int64_t query, std::int64_t queries) {
    least_first = most_first = first_key[query];
    least_last = offset + query;
    most_last = offset + query + queries - 1;
    for (std::int64_t i = 0; i < kQueries; ++i) {
      const std::int64_t key = i < queries ? first_key[query + i] : 0;
      first[i] = static_cast<float>(key);
      last[i] = i < queries ? static_cast<float>(offset + query + i) : 1e30f;
      if (i >= queries) continue;
      least_first = key < least_first ? key : least_first;
      most_first = key > most_first ? key : most_first;
    }
  }
  bool all(std::int64_t begin, std::int64_t end) const { return begin >= most_first && end - 1 <= least_last; }
  CAIRN_INLINE Mask at(std::int64_t key, int j) const {
    const Vec k = splat(static_cast<float>(key));
    return both(greater_equal(k, load(first + j * W)), greater_equal(load(last + j * W), k));
  }
};

// Rows [begin, end) of a head as panels of kMr rows; begin is a multiple of kMr. Panel of row r: packed + (r - begin) * E.
void pack_panels(const float* rows, std::int64_t stride, std::int64_t begin, std::int64_t end, std::int64_t E, float* packed) {
  for (std::int64_t r = begin; r < end; r += kMr) {
    pack_transposed(rows + r * stride, stride, end - r < kMr ? end - r : kMr, E, packed + (r - begin) * E, kMr);
  }
}

// out [keys, kQueries] = panels [keys, E] queries [E, kQueries].
void scores(std::int64_t keys, std::int64_t E, const float* panels, const float* queries, float* out) {
  for (std::int64_t r = 0; r < keys; r += kMr) {
    const std::int64_t rows = keys - r < kMr ? keys - r : kMr;
    tile_of_rows<kNv, Layout::columns_first>(rows)(E, panels + r * E, kMr, queries, kQueries, out + r * kQueries, kQueries,
                                                   kQueries, false);
  }
}

// [E, kQueries] transposed into the rows of `queries` queries, each lane times factor[lane].
void store_transposed(const float* from, const float* factor, std::int64_t queries, std::int64_t E, float* to,
                      std::int64_t stride) {
  for (std::int64_t first = 0; first < queries; first += W) {
    const Vec by = load(factor + first);
    for (std::int64_t e = 0; e < E; e += W) {
      Vec rows[W];
      for (int i = 0; i < W; ++i) rows[i] = e + i < E ? load(from + (e + i) * kQueries + first) * by : splat(0.0f);
      transpose(rows);
      for (int i = 0; i < W && first + i < queries; ++i) store_first(to + (first + i) * stride + e, rows[i], E - e);
    }
  }
}

void pack_queries(const float* q, std::int64_t stride, std::int64_t queries, std::int64_t E, float factor, float* packed) {
  pack_transposed(q, stride, queries, E, packed, kQueries);
  for (std::int64_t i = 0; i < E * kQueries; i += W) store(packed + i, load(packed + i) * splat(factor));
}

// One block of keys in the running softmax: scores become probabilities relative to the new maximum, `most` and `sum` move on,
// and `shrink` is what the results so far must be multiplied by.
template <bool masked>
void softmax_block(std::int64_t begin, std::int64_t keys, const Visible& visible, float* p, float* most, float* sum,
                   float* shrink) {
#pragma GCC unroll 4
  for (int j = 0; j < kNv; ++j) {
    float* column = p + j * W;
    const Vec before = load(most + j * W);
    Vec now = before;
    for (std::int64_t r = 0; r < keys; ++r) {
      Vec s = load(column + r * kQueries);
      if (masked) {
        s = select(visible.at(begin + r, j), s, splat(kMasked));
        store(column + r * kQueries, s);
      }
      now = max(now, s);
    }
    const Vec factor = exp(before - now);
    Vec total = load(sum + j * W) * factor;
    for (std::int64_t r = 0; r < keys; ++r) {
      Vec e = exp(load(column + r * kQueries) - now);
      if (masked) e = select(visible.at(begin + r, j), e, splat(0.0f));  // a lane that has seen no key yet has maximum kMasked
      store(column + r * kQueries, e);
      total = total + e;
    }
    store(most + j * W, now);
    store(sum + j * W, total);
    store(shrink + j * W, factor);
  }
}

}  // namespace

std::int64_t attention_forward_scratch(std::int64_t S, std::int64_t E) {
  return (S + kKeys) * E + 2 * E * kQueries + kKeys * kQueries + 4 * W;
}

void attention_forward(const AttentionForward& g, float* scratch) {
  const std::int64_t E = g.E, offset = g.S - g.T, end_query = g.first_query + g.queries;
  std::int64_t least = g.first_key[g.first_query];
  for (std::int64_t t = g.first_query; t < end_query; ++t) least = g.first_key[t] < least ? g.first_key[t] : least;
  least = least / kKeys * kKeys;

  float* queries = scratch;                    // [E, kQueries]
  float* result = queries + E * kQueries + W;  // [E, kQueries]
  float* block = result + E * kQueries;        // [kKeys, kQueries]
  float* panels = block + kKeys * kQueries;
  pack_panels(g.k, g.k_stride, least, offset + end_query, E, panels);

  for (std::int64_t t = g.first_query; t < end_query; t += kQueries) {
    const std::int64_t count = end_query - t < kQueries ? end_query - t : kQueries;
    const Visible visible(g.first_key, offset, t, count);
    pack_queries(g.q + t * g.q_stride, g.q_stride, count, E, g.scale, queries);
    float most[kQueries], sum[kQueries], factor[kQueries];
    for (std::int64_t i = 0; i < kQueries; ++i) most[i] = kMasked, sum[i] = 0;
    for (std::int64_t i = 0; i < E * kQueries; ++i) result[i] = 0;

    for (std::int64_t begin = visible.least_first / kKeys * kKeys; begin <= visible.most_last; begin += kKeys) {
      const std::int64_t keys = visible.most_last + 1 - begin < kKeys ? visible.most_last + 1 - begin : kKeys;
      scores(keys, E, panels + (begin - least) * E, queries, block);
      if (visible.all(begin, begin + keys)) {
        softmax_block<false>(begin, keys, visible, block, most, sum, factor);
      } else {
        softmax_block<true>(begin, keys, visible, block, most, sum, factor);
      }
      for (std::int64_t e = 0; e < E; ++e) {
#pragma GCC unroll 4
        for (int j = 0; j < kNv; ++j) {
          float* at = result + e * kQueries + j * W;
          store(at, load(at) * load(factor + j * W));
        }
      }
      multiply<Layout::columns_first>(E, kQueries, keys, g.v + begin * g.v_stride, g.v_stride, block, kQueries, result, kQueries,
                                      true);
    }
    for (std::int64_t i = 0; i < count; ++i) g.lse[t + i] = static_cast<float>(most[i] + std::log(static_cast<double>(sum[i])));
    for (std::int64_t i = 0; i < kQueries; ++i) factor[i] = 1.0f / sum[i];
    store_transposed(result, factor, count, E, g.o + t * g.o_stride, g.o_stride);
  }
}

std::int64_t attention_backward_scratch(std::int64_t T, std::int64_t E) {
  const std::int64_t wide = round_up(E, kNr);
  return 2 * round_up(T, kMr) * E + 2 * T * wide + 3 * E * kQueries + 2 * kQueries * wide + 2 * kKeys * kQueries + 8 * W;
}

void attention_backward(const AttentionBackward& g, float* scratch) {
  const std::int64_t T = g.T, E = g.E, wide = round_up(E, kNr);
  float* next = scratch;
  const auto take = [&](std::int64_t floats) {
    float* taken = next;
    next += floats;
    return taken;
  };
  float* queries = take(E * kQueries + W);    // q scaled, [E, kQueries]
  float* gradients = take(E * kQueries + W);  // do, [E, kQueries]
  float* dq = take(E * kQueries);             // [E, kQueries]
  float* query_rows = take(kQueries * wide);  // q and do as they are, zero beyond E
  float* gradient_rows = take(kQueries * wide);
  float* p = take(kKeys * kQueries);
  float* ds = take(kKeys * kQueries);
  float* dk = take(T * wide);
  float* dv = take(T * wide);
  float* key_panels = take(round_up(T, kMr) * E + W);
  float* value_panels = take(round_up(T, kMr) * E + W);
  pack_panels(g.k, g.k_stride, 0, T, E, key_panels);
  pack_panels(g.v, g.v_stride, 0, T, E, value_panels);
  for (std::int64_t i = 0; i < T * wide; ++i) dk[i] = dv[i] = 0;
  for (std::int64_t i = 0; i < kQueries * wide; ++i) query_rows[i] = gradient_rows[i] = 0;

  for (std::int64_t h = 0; h < g.group; ++h) {
    for (std::int64_t t = 0; t < T; t += kQueries) {
      const std::int64_t count = T - t < kQueries ? T - t : kQueries;
      const Visible visible(g.first_key, 0, t, count);
      const float* q = g.q + h * g.q_head + t * g.q_stride;
      const float* d_o = g.d_o + h * g.do_head + t * g.do_stride;
      const float* o = g.o + h * g.o_head + t * g.o_stride;
      pack_queries(q, g.q_stride, count, E, g.scale, queries);
      pack_queries(d_o, g.do_stride, count, E, 1.0f, gradients);
      float lse[kQueries], mean[kQueries], ones[kQueries];  // mean: sum_j P dP = do . o
      for (std::int64_t i = 0; i < kQueries; ++i) {
        lse[i] = i < count ? g.lse[h * T + t + i] : 1e30f;  // lanes without a query get P = 0
        mean[i] = 0;
        ones[i] = 1;
        if (i >= count) continue;
        Vec dot = splat(0.0f);
        for (std::int64_t e = 0; e < E; e += W) {
          const Vec grad = load_first(d_o + i * g.do_stride + e, E - e);
          dot = fma(grad, load_first(o + i * g.o_stride + e, E - e), dot);
          store_first(gradient_rows + i * wide + e, grad, E - e);
          store_first(query_rows + i * wide + e, load_first(q + i * g.q_stride + e, E - e), E - e);
        }
        mean[i] = sum_lanes(dot);
      }
      for (std::int64_t i = 0; i < E * kQueries; ++i) dq[i] = 0;

      for (std::int64_t begin = visible.least_first / kKeys * kKeys; begin <= visible.most_last; begin += kKeys) {
        const std::int64_t keys = visible.most_last + 1 - begin < kKeys ? visible.most_last + 1 - begin : kKeys;
        const bool all = visible.all(begin, begin + keys);
        scores(keys, E, key_panels + begin * E, queries, p);
        scores(keys, E, value_panels + begin * E, gradients, ds);  // dP
#pragma GCC unroll 4
        for (int j = 0; j < kNv; ++j) {
          const Vec log_sum = load(lse + j * W), center = load(mean + j * W), factor = splat(g.scale);
          for (std::int64_t r = 0; r < keys; ++r) {
            float* at = p + r * kQueries + j * W;
            float* ds_at = ds + r * kQueries + j * W;
            Vec probability = exp(load(at) - log_sum);
            if (!all) probability = select(visible.at(begin + r, j), probability, splat(0.0f));
            store(at, probability);
            store(ds_at, probability * (load(ds_at) - center) * factor);
          }
        }
        multiply<Layout::rows_first>(keys, wide, count, p, kQueries, gradient_rows, wide, dv + begin * wide, wide, true);
        multiply<Layout::rows_first>(keys, wide, count, ds, kQueries, query_rows, wide, dk + begin * wide, wide, true);
        multiply<Layout::columns_first>(E, kQueries, keys, g.k + begin * g.k_stride, g.k_stride, ds, kQueries, dq, kQueries,
                                        true);
      }
      store_transposed(dq, ones, count, E, g.dq + h * g.dq_head + t * g.dq_stride, g.dq_stride);
    }
  }
  for (std::int64_t t = 0; t < T; ++t) {
    for (std::int64_t e = 0; e < E; ++e) {
      g.dk[t * g.dk_stride + e] = dk[t * wide + e];
      g.dv[t * g.dv_stride + e] = dv[t * wide + e];
    }
  }
}

namespace {

// out [R, E] = p [R, keys] v [keys, E]: v streams from memory once for R queries.
template <int R>
void weighted_rows(std::int64_t keys, std::int64_t E, const float* p, std::int64_t p_stride, const float* v,
                   std::int64_t v_stride, float* const* out) {
  constexpr int kWide = 4;
  for (std::int64_t e = 0; e < E; e += kWide * W) {
    Vec sum[R][kWide];
    for (int i = 0; i < R; ++i) {
      for (int j = 0; j < kWide; ++j) sum[i][j] = splat(0.0f);
    }
    const bool full = E - e >= kWide * W;
    for (std::int64_t key = 0; key < keys; ++key) {
      const float* row = v + key * v_stride + e;
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

std::int64_t attention_decode_scratch(std::int64_t rows, std::int64_t S, std::int64_t E) {
  return rows * (S + E) + E * kNr + 4 * W;
}

void attention_decode(const AttentionForward& g, float* scratch) {
  const std::int64_t E = g.E, offset = g.S - g.T, rows = g.group * g.T;
  std::int64_t least = g.first_key[0];
  for (std::int64_t t = 0; t < g.T; ++t) least = g.first_key[t] < least ? g.first_key[t] : least;
  const std::int64_t keys = g.S - least;
  float* queries = scratch;       // [group * T, E], scaled
  float* turned = queries + rows * E;  // [E, kNr] of the keys
  float* p = turned + E * kNr + W;     // [group * T, keys]
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* q = g.q + r / g.T * g.q_head + r % g.T * g.q_stride;
    for (std::int64_t e = 0; e < E; ++e) queries[r * E + e] = q[e] * g.scale;
  }
  // Keys across: turning a block of them once costs less than a horizontal sum for each key and query.
  for (std::int64_t key = 0; key < keys; key += kNr) {
    const std::int64_t some = keys - key < kNr ? keys - key : kNr;
    pack_transposed(g.k + (least + key) * g.k_stride, g.k_stride, some, E, turned, kNr);
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
  const float* v = g.v + least * g.v_stride;
  for (std::int64_t r = 0; r < rows; r += 4) {
    float* out[4] = {};
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

}  // namespace cairn::cpu::CAIRN_ISA
