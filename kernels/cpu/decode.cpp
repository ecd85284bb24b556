// Decoding many sequences at once: rows into the cache, attention over its pages, tokens from logits. A piece is a sequence, or
// one of its heads: what it computes depends on nothing else.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/cpu/ops.h"
#include "kernels/cpu/scratch.h"
#include "kernels/draws.h"

namespace cairn::cpu {
namespace {

// An order of all: NaN, which stands in none, is the smallest.
template <typename A>
float logit_of(A stored) {
  const float logit = stored;
  return std::isnan(logit) ? -INFINITY : logit;
}

template <typename A>
std::int32_t sample_row(const A* row, std::int64_t V, const double* rule, const std::uint32_t* draw) {
  const double temperature = rule[0], top_p = rule[1], top_k = rule[2], min_p = rule[3];
  const A* most_likely = std::max_element(row, row + V, [](A a, A b) { return logit_of(a) < logit_of(b); });
  if (temperature == 0) return static_cast<std::int32_t>(most_likely - row);
  std::vector<std::int32_t> order(static_cast<std::size_t>(V));
  std::iota(order.begin(), order.end(), 0);
  const auto more_likely = [&](std::int32_t a, std::int32_t b) {
    const float x = logit_of(row[a]), y = logit_of(row[b]);
    return x != y ? x > y : a < b;
  };
  std::size_t kept = order.size();
  if (top_k > 0 && top_k < static_cast<double>(V)) {
    kept = static_cast<std::size_t>(top_k);
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(), more_likely);
  } else if (top_p < 1 || min_p > 0) {
    std::sort(order.begin(), order.end(), more_likely);
  }
  const double highest = logit_of(*most_likely);
  std::vector<double> weights(kept);
  for (std::size_t i = 0; i < kept; ++i) weights[i] = std::exp((logit_of(row[order[i]]) - highest) / temperature);
  if (min_p > 0) {
    while (kept > 1 && weights[kept - 1] < min_p) --kept;
  }
  double total = std::accumulate(weights.begin(), weights.begin() + static_cast<std::ptrdiff_t>(kept), 0.0);
  if (top_p < 1) {
    double reached = 0;
    std::size_t nucleus = 0;
    while (nucleus < kept && reached < top_p * total) reached += weights[nucleus++];
    kept = nucleus;
    total = reached;
  }
  const auto join = [](std::uint32_t low, std::uint32_t high) { return low | static_cast<std::uint64_t>(high) << 32; };
  const double target = sampling_draw(join(draw[0], draw[1]), join(draw[2], draw[3])) * total;
  std::size_t pick = 0;
  for (double passed = 0; pick + 1 < kept; ++pick) {
    passed += weights[pick];
    if (target < passed) break;
  }
  return order[pick];
}

bool follow_one_another(const std::int32_t* pages, std::int64_t count) {
  for (std::int64_t i = 1; i < count; ++i) {
    if (pages[i] != pages[0] + i) return false;
  }
  return true;
}

}  // namespace

void cache_append(Context&, const Tensor& cache, const Tensor& rows, const Tensor& slots) {
  const std::int64_t bytes = rows.shape[1] * dtype_bytes(rows.dtype);
  for (std::int64_t n = 0; n < rows.shape[0]; ++n) {
    const std::int64_t slot = slots.as<std::int32_t>()[n];
    if (slot >= 0) std::memcpy(cache.as<char>() + slot * bytes, rows.as<char>() + n * bytes, static_cast<std::size_t>(bytes));
  }
}

void paged_attention(Context& context, const Tensor& o, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& table,
                     const Tensor& lengths, double scale) {
  with_type(q, [&](auto zero) {
    using A = decltype(zero);
    const auto& routines = routines_of<A>(context);
    const std::int64_t N = q.shape[0], H = q.shape[1], E = q.shape[2], page = k.shape[1], K = k.shape[2], L = table.shape[1],
                       group = H / K;
    context.pool.parallel_for(N * K, [&](std::int64_t piece) {
      const std::int64_t n = piece / K, kv = piece % K, length = lengths.as<std::int32_t>()[n];
      A* out = o.as<A>() + (n * H + kv * group) * E;
      if (length == 0) {
        std::fill_n(out, group * E, A(0.0f));
        return;
      }
      // The head's keys and values: where they lie, when pages follow one another, else side by side.
      const std::int32_t* pages = table.as<std::int32_t>() + n * L;
      const auto at = [&](std::int64_t p) { return ((pages[p / page] * page + p % page) * K + kv) * E; };
      const A *keys = k.as<A>() + at(0), *values = v.as<A>() + at(0);
      std::int64_t stride = K * E;
      std::vector<A> moved;
      if (!follow_one_another(pages, (length + page - 1) / page)) {
        moved.resize(static_cast<std::size_t>(2 * length * E));
        for (std::int64_t p = 0; p < length; ++p) {
          std::copy_n(k.as<A>() + at(p), E, moved.data() + p * E);
          std::copy_n(v.as<A>() + at(p), E, moved.data() + (length + p) * E);
        }
        keys = moved.data();
        values = keys + length * E;
        stride = E;
      }
      std::vector<float> lse(static_cast<std::size_t>(group));
      const std::int32_t first = 0;
      const AttentionForward<A> arguments{.first_query = 0,
                                          .queries = 1,
                                          .T = 1,
                                          .S = length,
                                          .E = E,
                                          .group = group,
                                          .o = out,
                                          .o_stride = H * E,
                                          .o_head = E,
                                          .lse = lse.data(),
                                          .q = q.as<A>() + (n * H + kv * group) * E,
                                          .k = keys,
                                          .v = values,
                                          .q_stride = H * E,
                                          .q_head = E,
                                          .k_stride = stride,
                                          .v_stride = stride,
                                          .first_key = &first,
                                          .scale = static_cast<float>(scale)};
      routines.attention_decode(arguments, thread_scratch(routines.attention_decode_scratch(group, length, E)));
    });
  });
}

void sample(Context& context, const Tensor& tokens, const Tensor& logits, const Tensor& rules, const Tensor& draws) {
  with_type(logits, [&](auto zero) {
    using A = decltype(zero);
    const std::int64_t V = logits.shape[1];
    context.pool.parallel_for(logits.shape[0], [&](std::int64_t n) {
      tokens.as<std::int32_t>()[n] =
          sample_row(logits.as<A>() + n * V, V, rules.as<double>() + 4 * n, draws.as<std::uint32_t>() + 4 * n);
    });
  });
}

}  // namespace cairn::cpu
