// Attention's backward pass by tiles: probabilities are computed again from the scores and the kept lse. Scores lie as in the
// forward pass, keys down and queries across.
//
// In bfloat16, probabilities and dS are rounded to it for the products that they enter, as the forward's probabilities are.
#include "kernels/cpu/vector/attention.h"
#include "kernels/cpu/vector/attention_tiles.h"
#include "kernels/cpu/vector/simd_math.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

// P and dS of a block of keys, in the forms in which they are operands: rows along the queries (for dv and dk), and words along
// the keys (for dq). Where a word is one float32, both are the same.
template <typename Kind>
struct Probabilities {
  float *p_rows, *ds_rows, *ds_words;
  static constexpr std::int64_t kRow = kQueries / Kind::kNumbers;  // words

  // p holds scores and ds dP; both are read before they are written.
  void compute(std::int64_t begin, std::int64_t keys, const Visible& visible, float scale, const float* lse, const float* mean,
               const float* p, const float* ds) const {
    const bool all = visible.all(begin, begin + keys);
#pragma GCC unroll 4
    for (int j = 0; j < kNv; ++j) {
      const Vec center = load(mean + j * W), by = splat(scale);
      const Vec log2_sum = load(lse + j * W) * splat(-kLog2e), log2_by = splat(scale * kLog2e);
      const auto at = [&](std::int64_t r, Vec& probability, Vec& gradient) {
        probability = exp2_of_negative<typename Kind::Number>(fma(load(p + r * kQueries + j * W), log2_by, log2_sum));
        if (!all) probability = select(visible.at(begin + r, j), probability, splat(0.0f));
        gradient = probability * (load(ds + r * kQueries + j * W) - center) * by;
      };
      if constexpr (Kind::kNumbers == 1) {
        for (std::int64_t r = 0; r < keys; ++r) {
          Vec probability, gradient;
          at(r, probability, gradient);
          store(p_rows + r * kQueries + j * W, probability);
          store(ds_rows + r * kQueries + j * W, gradient);
        }
      } else {
        for (std::int64_t r = 0; r < keys; r += 2) {
          Vec probability[2], gradient[2] = {splat(0.0f), splat(0.0f)};
          for (int i = 0; i < 2 && r + i < keys; ++i) {
            at(r + i, probability[i], gradient[i]);
            store(reinterpret_cast<Bf16*>(p_rows + (r + i) * kRow) + j * W, probability[i]);
            store(reinterpret_cast<Bf16*>(ds_rows + (r + i) * kRow) + j * W, gradient[i]);
          }
          store(ds_words + r / 2 * kQueries + j * W, Kind::words(gradient[0], gradient[1]));
        }
      }
    }
  }
};

}  // namespace

template <typename A>
std::int64_t AttentionOps<A>::backward_scratch(std::int64_t T, std::int64_t E) {
  const std::int64_t wide = round_up(E, kNr), words = words_of<typename KindOf<A>::Type>(E);
  return 2 * round_up(T, kMr) * words + 2 * T * wide + (T + 1) * E + 3 * E * kQueries + 2 * kQueries * wide +
         5 * kKeys * kQueries + 16 * W;
}

template <typename A>
void AttentionOps<A>::backward(const AttentionBackward<A>& g, float* scratch) {
  using Kind = typename KindOf<A>::Type;
  const std::int64_t E = g.E, wide = round_up(E, kNr), words = words_of<Kind>(E), end_query = g.first_query + g.queries;
  const std::int64_t least = first_block(g.first_key, g.first_query, end_query), keys_seen = end_query - least;
  float* next = scratch;
  const auto take = [&](std::int64_t floats) {
    float* taken = next;
    next += floats;
    return taken;
  };
  float* queries = take(E * kQueries + W);    // q [words, kQueries]
  float* gradients = take(E * kQueries + W);  // do [words, kQueries]
  float* dq = take(E * kQueries);             // [E, kQueries]
  float* query_rows = take(kQueries * wide);  // q and do in words along the queries, 0 beyond E
  float* gradient_rows = take(kQueries * wide);
  float* p = take(kKeys * kQueries);
  float* ds = take(kKeys * kQueries);
  Probabilities<Kind> block{p, ds, ds};
  if constexpr (Kind::kNumbers > 1) {
    block = {take(kKeys * kQueries), take(kKeys * kQueries), take(kKeys * kQueries)};
  }
  float* dk = take(keys_seen * wide);
  float* dv = take(keys_seen * wide);
  float* key_panels = take(round_up(keys_seen, kMr) * words + W);
  float* value_panels = take(round_up(keys_seen, kMr) * words + W);
  pack_panels<Kind>(g.k, g.k_stride, least, end_query, E, key_panels);
  pack_panels<Kind>(g.v, g.v_stride, least, end_query, E, value_panels);
  const AlongRows keys_along = along_rows<Kind>(g.k, g.k_stride, least, end_query, E, take((keys_seen + 1) * E));
  for (std::int64_t i = 0; i < keys_seen * wide; ++i) dk[i] = dv[i] = 0;

  for (std::int64_t t = g.first_query; t < end_query; t += kQueries) {
    const std::int64_t count = end_query - t < kQueries ? end_query - t : kQueries;
    const Visible visible(g.first_key, 0, t, count);
    for (std::int64_t h = 0; h < g.group; ++h) {
      const A* q = g.q + h * g.q_head + t * g.q_stride;
      const A* d_o = g.d_o + h * g.do_head + t * g.do_stride;
      const A* o = g.o + h * g.o_head + t * g.o_stride;
      pack_transposed<Kind>(q, g.q_stride, count, E, queries, kQueries);
      pack_transposed<Kind>(d_o, g.do_stride, count, E, gradients, kQueries);
      pack_copied<Kind>(q, g.q_stride, E, count, query_rows, wide);
      pack_copied<Kind>(d_o, g.do_stride, E, count, gradient_rows, wide);
      float lse[kQueries], mean[kQueries], ones[kQueries];  // mean: sum_j P dP = do . o
      for (std::int64_t i = 0; i < kQueries; ++i) {
        lse[i] = i < count ? g.lse[h * g.T + t + i] : 1e30f;
        mean[i] = 0;
        ones[i] = 1;
        if (i >= count) continue;
        Vec dot = splat(0.0f);
        for (std::int64_t e = 0; e < E; e += W) {
          __builtin_prefetch(q + (i + kQueries) * g.q_stride +
                             e);  // of the next block: its rows lie too far apart to be foreseen
          __builtin_prefetch(d_o + (i + kQueries) * g.do_stride + e);
          __builtin_prefetch(o + (i + kQueries) * g.o_stride + e);
          dot = fma(read(d_o + i * g.do_stride + e, E - e), read(o + i * g.o_stride + e, E - e), dot);
        }
        mean[i] = sum_lanes(dot);
      }
      for (std::int64_t i = 0; i < E * kQueries; i += W) store(dq + i, splat(0.0f));

      for (std::int64_t begin = visible.least_first / kMr * kMr; begin <= visible.most_last; begin += kKeys) {
        const std::int64_t keys = visible.most_last + 1 - begin < kKeys ? visible.most_last + 1 - begin : kKeys;
        const std::int64_t at = begin - least;
        scores<Kind>(keys, E, key_panels + at * words, queries, p);
        scores<Kind>(keys, E, value_panels + at * words, gradients, ds);  // dP
        block.compute(begin, keys, visible, g.scale, lse, mean, p, ds);
        multiply<Layout::rows_first, Kind>(keys, wide, words_of<Kind>(count), block.p_rows, block.kRow, gradient_rows, wide,
                                           dv + at * wide, wide, true);
        multiply<Layout::rows_first, Kind>(keys, wide, words_of<Kind>(count), block.ds_rows, block.kRow, query_rows, wide,
                                           dk + at * wide, wide, true);
        multiply<Layout::columns_first, Kind>(E, kQueries, words_of<Kind>(keys),
                                              keys_along.words + at / Kind::kNumbers * keys_along.stride, keys_along.stride,
                                              block.ds_words, kQueries, dq, kQueries, true);
      }
      store_transposed(dq, ones, count, E, g.dq + h * g.dq_head + t * g.dq_stride, g.dq_stride);
    }
  }
  // Keys before `least` are seen by none of these queries.
  const auto hand_over = [&](const float* sums, A* out, std::int64_t stride, float* part) {
    for (std::int64_t t = 0; t < end_query; ++t) {
      for (std::int64_t e = 0; e < E; e += W) {
        const Vec v = t < least ? splat(0.0f) : read(sums + (t - least) * wide + e, E - e);
        if (part != nullptr) {
          write(part + t * E + e, v, E - e);
        } else {
          write(out + t * stride + e, v, E - e);
        }
      }
    }
  };
  hand_over(dk, g.dk, g.dk_stride, g.dk_part);
  hand_over(dv, g.dv, g.dv_stride, g.dv_part);
}

template std::int64_t AttentionOps<float>::backward_scratch(std::int64_t, std::int64_t);
template std::int64_t AttentionOps<Bf16>::backward_scratch(std::int64_t, std::int64_t);
template void AttentionOps<float>::backward(const AttentionBackward<float>&, float*);
template void AttentionOps<Bf16>::backward(const AttentionBackward<Bf16>&, float*);

}  // namespace cairn::cpu::CAIRN_ISA
