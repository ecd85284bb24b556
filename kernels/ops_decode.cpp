// The operations of decoding (ops.h): their checks.
#include "kernels/ops.h"

#include <array>
#include <vector>

#include "base/error.h"
#include "kernels/backend.h"
#include "kernels/checks.h"

namespace cairn::ops {

void cache_append(Context& context, Tensor cache, Tensor rows, Tensor slots) {
  const Checks check("cache_append", context);
  check.activations({{"cache", cache}, {"rows", rows}});
  check.dims({"cache", cache}, 2);
  check.dims({"rows", rows}, 2);
  check.shape({"rows", rows}, {rows.shape[0], cache.shape[1]});
  check.indices({"slots", slots}, rows.shape[0]);
  if (slots.on_host()) {
    std::vector<bool> taken(static_cast<std::size_t>(cache.shape[0]));
    for (std::int64_t n = 0; n < slots.size(); ++n) {
      const std::int32_t slot = slots.as<std::int32_t>()[n];
      if (slot >= cache.shape[0]) fail("cache_append: slot {} at position {} is outside [0, {})", slot, n, cache.shape[0]);
      if (slot < 0) continue;
      if (taken[static_cast<std::size_t>(slot)]) fail("cache_append: slot {} at position {} is there twice", slot, n);
      taken[static_cast<std::size_t>(slot)] = true;
    }
  }
  context.backend.cache_append(context, cache, rows, slots);
}

void paged_attention(Context& context, Tensor o, Tensor q, Tensor k, Tensor v, Tensor table, Tensor lengths, double scale) {
  const Checks check("paged_attention", context);
  check.activations({{"q", q}, {"o", o}, {"k", k}, {"v", v}});
  check.dims({"q", q}, 3);
  check.like({"o", o}, {"q", q});
  check.dims({"k", k}, 4);
  const auto [N, H, E] = std::array{q.shape[0], q.shape[1], q.shape[2]};
  const std::int64_t pages = k.shape[0], page = k.shape[1], K = k.shape[2];
  check.shape({"k", k}, {pages, page, K, E});
  check.like({"v", v}, {"k", k});
  if (K < 1 || H % K != 0) fail("paged_attention: {} query heads are no multiple of {} key heads", H, K);
  check.dims({"table", table}, 2);
  check.shape({"table", table}, {N, table.shape[1]});
  check.indices({"table", table}, table.size());
  check.range("page", table, pages);
  check.indices({"lengths", lengths}, N);
  check.range("length", lengths, table.shape[1] * page + 1);
  if (!(scale > 0)) fail("paged_attention: scale {} must be positive", scale);
  context.backend.paged_attention(context, o, q, k, v, table, lengths, scale);
}

void sample(Context& context, Tensor tokens, Tensor logits, Tensor rules, Tensor draws) {
  const Checks check("sample", context);
  check.activations({{"logits", logits}});
  check.dims({"logits", logits}, 2);
  const std::int64_t N = logits.shape[0];
  if (logits.shape[1] < 1) check.refuse({"logits", logits}, "a vocabulary");
  check.indices({"tokens", tokens}, N);
  if (rules.dtype != Dtype::f64 || !rules.contiguous()) check.refuse({"rules", rules}, "contiguous float64");
  check.shape({"rules", rules}, {N, 4});
  check.shape({"draws", draws}, {N, 4});
  check.indices({"draws", draws}, 4 * N);
  if (rules.on_host()) {
    for (std::int64_t n = 0; n < N; ++n) {
      const double* rule = rules.as<double>() + 4 * n;
      if (!(rule[0] >= 0)) fail("sample: temperature {} of row {} must not be negative", rule[0], n);
      if (!(rule[1] > 0 && rule[1] <= 1)) fail("sample: top_p {} of row {} is not above 0 and at most 1", rule[1], n);
      if (!(rule[2] >= 0)) fail("sample: top_k {} of row {} must not be negative", rule[2], n);
      if (!(rule[3] >= 0 && rule[3] <= 1)) fail("sample: min_p {} of row {} is outside [0, 1]", rule[3], n);
    }
  }
  context.backend.sample(context, tokens, logits, rules, draws);
}

}  // namespace cairn::ops
