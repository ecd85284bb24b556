// Attention's forward pass by tiles, without ever holding a T x S matrix (Dao et al. 2022, in the order that suits vectors here).
//
// Scores are kept transposed, keys down and kNr queries across. So the softmax runs down the lanes without one horizontal
// operation, and each of the products finds its operands in place: keys and values are packed once, the probabilities are a B
// operand as they lie (bfloat16: in pairs of keys). Blocks of keys begin at the first key that a block of queries sees, rounded
// down to kMr: the order of every sum depends on shapes and documents alone, and what no query sees is not touched.
#include "kernels/cpu/vector/attention.h"

#include <cmath>

#include "kernels/cpu/vector/attention_tiles.h"
#include "kernels/cpu/vector/simd_math.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

// One block of keys in the running softmax: p becomes probabilities relative to the new maximum, in words along the keys; `most`
// (of unscaled scores) and `sum` move on, and `shrink` is what the results so far must be multiplied by.
template <typename Kind, bool masked>
void softmax_block(std::int64_t begin, std::int64_t keys, const Visible& visible, float scale, float* p, float* most, float* sum,
                   float* shrink) {
  using A = typename Kind::Number;
  const Vec by = splat(scale * kLog2e);
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
    const Vec highest = now * by, factor = exp2_of_negative<float>(before * by - highest);
    Vec total = load(sum + j * W) * factor;
    const auto probability = [&](std::int64_t r) {
      Vec e = exp2_of_negative<A>(fma(load(column + r * kQueries), by, splat(0.0f) - highest));
      // A lane that has seen no key yet has maximum kMasked.
      if (masked) e = select(visible.at(begin + r, j), e, splat(0.0f));
      total = total + e;
      return e;
    };
    if constexpr (Kind::kNumbers == 1) {
      for (std::int64_t r = 0; r < keys; ++r) store(column + r * kQueries, probability(r));
    } else {
      std::int64_t r = 0;
      for (; r + 2 <= keys; r += 2) {  // the word of a pair goes where a row was that has been read
        const Vec low = probability(r), high = probability(r + 1);
        store(column + r / 2 * kQueries, Kind::words(low, high));
      }
      if (r < keys) store(column + r / 2 * kQueries, Kind::words(probability(r), splat(0.0f)));
    }
    store(most + j * W, now);
    store(sum + j * W, total);
    store(shrink + j * W, factor);
  }
}

}  // namespace

template <typename A>
std::int64_t AttentionOps<A>::forward_scratch(std::int64_t S, std::int64_t E) {
  const std::int64_t words = words_of<typename KindOf<A>::Type>(E);
  return (S + kKeys) * words + (S + 1) * E + 2 * E * kQueries + kKeys * kQueries + 8 * W;
}

template <typename A>
void AttentionOps<A>::forward(const AttentionForward<A>& g, float* scratch) {
  using Kind = typename KindOf<A>::Type;
  const std::int64_t E = g.E, offset = g.S - g.T, end_query = g.first_query + g.queries, words = words_of<Kind>(E);
  const std::int64_t least = first_block(g.first_key, g.first_query, end_query), end_key = offset + end_query;

  float* queries = scratch;                    // [words, kQueries]
  float* result = queries + E * kQueries + W;  // [E, kQueries]
  float* block = result + E * kQueries;        // [kKeys, kQueries]
  float* panels = block + kKeys * kQueries;
  pack_panels<Kind>(g.k, g.k_stride, least, end_key, E, panels);
  const AlongRows values =
      along_rows<Kind>(g.v, g.v_stride, least, end_key, E, panels + round_up(end_key - least, kMr) * words + W);

  for (std::int64_t t = g.first_query; t < end_query; t += kQueries) {
    const std::int64_t count = end_query - t < kQueries ? end_query - t : kQueries;
    const Visible visible(g.first_key, offset, t, count);
    for (std::int64_t h = 0; h < g.group; ++h) {
      pack_transposed<Kind>(g.q + h * g.q_head + t * g.q_stride, g.q_stride, count, E, queries, kQueries);
      float most[kQueries], sum[kQueries], factor[kQueries];
      for (std::int64_t i = 0; i < kQueries; ++i) most[i] = kMasked, sum[i] = 0;
      for (std::int64_t i = 0; i < E * kQueries; i += W) store(result + i, splat(0.0f));

      for (std::int64_t begin = visible.least_first / kMr * kMr; begin <= visible.most_last; begin += kKeys) {
        const std::int64_t keys = visible.most_last + 1 - begin < kKeys ? visible.most_last + 1 - begin : kKeys;
        scores<Kind>(keys, E, panels + (begin - least) * words, queries, block);
        if (visible.all(begin, begin + keys)) {
          softmax_block<Kind, false>(begin, keys, visible, g.scale, block, most, sum, factor);
        } else {
          softmax_block<Kind, true>(begin, keys, visible, g.scale, block, most, sum, factor);
        }
        for (std::int64_t e = 0; e < E; ++e) {
#pragma GCC unroll 4
          for (int j = 0; j < kNv; ++j) {
            float* at = result + e * kQueries + j * W;
            store(at, load(at) * load(factor + j * W));
          }
        }
        multiply<Layout::columns_first, Kind>(E, kQueries, words_of<Kind>(keys),
                                              values.words + (begin - least) / Kind::kNumbers * values.stride, values.stride,
                                              block, kQueries, result, kQueries, true);
      }
      float* lse = g.lse + h * g.T + t;
      for (std::int64_t i = 0; i < count; ++i) {
        lse[i] = static_cast<float>(static_cast<double>(most[i] * g.scale) + std::log(static_cast<double>(sum[i])));
      }
      for (std::int64_t i = 0; i < kQueries; ++i) factor[i] = 1.0f / sum[i];
      store_transposed(result, factor, count, E, g.o + h * g.o_head + t * g.o_stride, g.o_stride);
    }
  }
}

template std::int64_t AttentionOps<float>::forward_scratch(std::int64_t, std::int64_t);
template std::int64_t AttentionOps<Bf16>::forward_scratch(std::int64_t, std::int64_t);
template void AttentionOps<float>::forward(const AttentionForward<float>&, float*);
template void AttentionOps<Bf16>::forward(const AttentionForward<Bf16>&, float*);

}  // namespace cairn::cpu::CAIRN_ISA
