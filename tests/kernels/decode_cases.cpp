// Decoding: rows into the cache, attention over its pages, tokens from logits.
#include <cmath>

#include "tests/kernels/case_builders.h"

namespace cairn::test {

void add_decode(std::vector<OpCase>& cases, const std::vector<Pages>& shapes, const std::vector<Matrix>& logits) {
  for (const auto& [N, H, K, E, page, L, production] : shapes) {
    const std::int64_t pages = L + 3;
    OpCase c;
    c.production = production;
    c.op = "cache_append";
    c.shape = words({{"N", N}, {"W", K * E}, {"P", pages * page}});
    c.arguments = {{"cache", {pages * page, K * E}, Fill::normal, true},
                   {"rows", {N, K * E}},
                   {"slots", {N}, Fill::positions, false, pages * page}};
    c.prepare = [](Context&, Tensors& t) {  // the last slots first; one row has none
      for (std::int64_t n = 0; n < t[2].size(); ++n)
        t[2].as<std::int32_t>()[n] = static_cast<std::int32_t>(t[0].shape[0] - 1 - n);
      if (t[2].size() > 2) t[2].as<std::int32_t>()[1] = -1;
    };
    c.run = [](Context& context, Tensors& t) { ops::cache_append(context, t[0], t[1], t[2]); };
    c.traffic = pass({2 * N * K * E});
    cases.push_back(c);
    c.prepare = nullptr;
    c.op = "paged_attention";
    c.shape = words({{"N", N}, {"H", H}, {"K", K}, {"E", E}, {"page", page}, {"L", L}});
    c.arguments = {{"o", {N, H, E}, Fill::zero, true},
                   {"q", {N, H, E}},
                   {"k", {pages, page, K, E}},
                   {"v", {pages, page, K, E}},
                   {"table", {N, L}, Fill::tokens, false, pages},
                   {"lengths", {N}, Fill::tokens, false, L * page + 1}};
    if (production) {
      c.prepare = [](Context&, Tensors& t) {  // full
        for (std::int64_t n = 0; n < t[5].size(); ++n)
          t[5].as<std::int32_t>()[n] = static_cast<std::int32_t>(t[4].shape[1] * t[2].shape[1]);
      };
    }
    const double scale = 1 / std::sqrt(static_cast<double>(E));
    c.run = [scale](Context& context, Tensors& t) { ops::paged_attention(context, t[0], t[1], t[2], t[3], t[4], t[5], scale); };
    c.tolerance = 48;
    c.traffic = pass({2 * N * H * E, 2 * N * L * page * K * E});
    cases.push_back(c);
  }
  for (const auto& [N, V, production] : logits) {
    OpCase c;
    c.production = production;
    c.op = "sample";
    c.shape = words({{"N", N}, {"V", V}});
    c.arguments = {{"tokens", {N}, Fill::tokens, true, V},
                   {"logits", {N, V}},
                   {"rules", {N, 4}, Fill::zero, false, 1, Kind::float64},
                   {"draws", {N, 4}, Fill::tokens, false, 1000000007}};
    c.prepare = [](Context&, Tensors& t) {
      constexpr double kRules[][4] = {{0, 1, 0, 0},       {1, 1, 0, 0},   {0.7, 0.9, 0, 0},   {1.3, 1, 7, 0},
                                      {1, 1, 0, 0.1},     {0.3, 1, 0, 0}, {1, 0.5, 40, 0.02}, {1.9, 0.05, 0, 0},
                                      {2, 0.999, 0, 0.3}, {1, 1, 1, 0},   {1, 1, 0, 1},       {0.9, 0.95, 1e6, 0}};
      for (std::int64_t n = 0; n < t[2].shape[0]; ++n) {
        for (std::int64_t i = 0; i < 4; ++i) t[2].as<double>()[4 * n + i] = kRules[n % 12][i];
      }
    };
    c.run = [](Context& context, Tensors& t) { ops::sample(context, t[0], t[1], t[2], t[3]); };
    c.traffic = pass({N * V});
    cases.push_back(c);
  }
}

}  // namespace cairn::test
