#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/draws.h"
#include "kernels/ref/ref.h"

namespace cairn::ref {

void cache_append(Context&, const Tensor& cache, const Tensor& rows, const Tensor& slots) {
  const std::int64_t bytes = rows.shape[1] * dtype_bytes(rows.dtype);
  for (std::int64_t n = 0; n < rows.shape[0]; ++n) {
    const std::int64_t slot = slots.as<std::int32_t>()[n];
    if (slot >= 0) std::memcpy(cache.as<char>() + slot * bytes, rows.as<char>() + n * bytes, static_cast<std::size_t>(bytes));
  }
}

void paged_attention(Context&, const Tensor& o, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& table,
                     const Tensor& lengths, double scale) {
  with_type(q, [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t N = q.shape[0], H = q.shape[1], E = q.shape[2], page = k.shape[1], K = k.shape[2], L = table.shape[1];
    for (std::int64_t n = 0; n < N; ++n) {
      const std::int64_t length = lengths.as<std::int32_t>()[n];
      for (std::int64_t h = 0; h < H; ++h) {
        const auto place = [&](std::int64_t p) {
          return ((table.as<std::int32_t>()[n * L + p / page] * page + p % page) * K + h / (H / K)) * E;
        };
        const T* query = q.as<T>() + (n * H + h) * E;
        std::vector<double> weight(static_cast<std::size_t>(length)), out(static_cast<std::size_t>(E));
        double highest = -INFINITY, sum = 0;
        for (std::size_t p = 0; p < weight.size(); ++p) {
          const T* key = k.as<T>() + place(static_cast<std::int64_t>(p));
          double dot = 0;
          for (std::int64_t e = 0; e < E; ++e) dot += static_cast<double>(query[e]) * key[e];
          weight[p] = scale * dot;
          highest = std::max(highest, weight[p]);
        }
        for (std::size_t p = 0; p < weight.size(); ++p) {
          const T* value = v.as<T>() + place(static_cast<std::int64_t>(p));
          weight[p] = std::exp(weight[p] - highest);
          sum += weight[p];
          for (std::size_t e = 0; e < out.size(); ++e) out[e] += weight[p] * value[e];
        }
        for (std::size_t e = 0; e < out.size(); ++e)
          o.as<T>()[(n * H + h) * E + static_cast<std::int64_t>(e)] = static_cast<T>(length == 0 ? 0 : out[e] / sum);
      }
    }
  });
}

void sample(Context&, const Tensor& tokens, const Tensor& logits, const Tensor& rules, const Tensor& draws) {
  with_type(logits, [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t N = logits.shape[0], V = logits.shape[1];
    for (std::int64_t n = 0; n < N; ++n) {
      std::vector<double> row(static_cast<std::size_t>(V));
      for (std::int64_t i = 0; i < V; ++i) {
        const double logit = static_cast<double>(logits.as<T>()[n * V + i]);
        row[static_cast<std::size_t>(i)] = std::isnan(logit) ? -INFINITY : logit;
      }
      const double* rule = rules.as<double>() + 4 * n;
      const auto* draw = draws.as<std::uint32_t>() + 4 * n;
      const double temperature = rule[0], top_p = rule[1], top_k = rule[2], min_p = rule[3];
      const auto at = [&](std::int32_t token) { return row[static_cast<std::size_t>(token)]; };
      const auto most_likely = std::max_element(row.begin(), row.end());
      const double highest = *most_likely;
      if (temperature == 0) {
        tokens.as<std::int32_t>()[n] = static_cast<std::int32_t>(most_likely - row.begin());
        continue;
      }
      std::vector<std::int32_t> order(static_cast<std::size_t>(V));
      std::iota(order.begin(), order.end(), 0);
      std::size_t kept = top_k > 0 && top_k < static_cast<double>(V) ? static_cast<std::size_t>(top_k) : order.size();
      if (kept < order.size() || top_p < 1 || min_p > 0) {
        std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) { return at(a) > at(b); });
      }
      const auto weight = [&](std::size_t i) { return std::exp((at(order[i]) - highest) / temperature); };
      while (min_p > 0 && kept > 1 && weight(kept - 1) < min_p) --kept;
      double total = 0;
      for (std::size_t i = 0; i < kept; ++i) total += weight(i);
      if (top_p < 1) {
        double reached = 0;
        std::size_t nucleus = 0;
        while (nucleus < kept && reached < top_p * total) reached += weight(nucleus++);
        kept = nucleus;
        total = reached;
      }
      const std::uint64_t seed = draw[0] | static_cast<std::uint64_t>(draw[1]) << 32;
      const double target = sampling_draw(seed, draw[2] | static_cast<std::uint64_t>(draw[3]) << 32) * total;
      std::size_t pick = 0;
      for (double passed = 0; pick + 1 < kept; ++pick) {
        passed += weight(pick);
        if (target < passed) break;
      }
      tokens.as<std::int32_t>()[n] = order[pick];
    }
  });
}

}  // namespace cairn::ref
