#include "engine/data/filters/exact_dedup.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "base/json.h"

namespace cairn::data {

ExactKey exact_key(const Document& document, const ExactDedupParams& params) {
  const Digest digest = sha256(params.by_url ? document.url : document.text);
  ExactKey key;
  std::memcpy(key.data(), digest.bytes.data(), sizeof key);
  return key;
}

std::vector<ExactDuplicate> find_exact_duplicates(const std::vector<ExactKey>& keys, const std::vector<bool>& in) {
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < keys.size(); ++i) {
    if (in[i]) order.push_back(i);
  }
  std::sort(order.begin(), order.end(),
            [&keys](std::uint32_t x, std::uint32_t y) { return keys[x] < keys[y] || (keys[x] == keys[y] && x < y); });
  std::vector<ExactDuplicate> found;
  for (std::size_t i = 1, first = 0; i < order.size(); ++i) {
    if (keys[order[i]] == keys[order[first]])
      found.push_back({order[i], order[first]});
    else
      first = i;
  }
  std::sort(found.begin(), found.end(), [](const ExactDuplicate& x, const ExactDuplicate& y) { return x.document < y.document; });
  return found;
}

Variant exact_dedup_variant() {
  return {"exact_dedup",
          {field("by", string().one_of({"text", "url"}).def("text"), "what must be the same")},
          "documents that are the same; the first is kept"};
}

ExactDedupParams exact_dedup_params(const Config& config) {
  return {config.string("by") == "url"};
}

}  // namespace cairn::data
