#include "engine/data/filters/exact_dedup.h"

#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/exchange.h"
#include "engine/data/text_key.h"
#include "engine/data/url_key.h"

namespace cairn::data {

void ExactDedup::append_keys(const Document& document, std::vector<std::uint64_t>& keys) const {
  if (by_url_ && document.url.empty()) return;
  const TextKey key = by_url_ ? text_key(normal_url(document.url)) : text_key(document.text);
  keys.push_back(key.high);
  keys.push_back(key.low);
}

void ExactDedup::compare(Comparison& c) const {
  struct Keyed {
    TextKey key;
    std::uint64_t rank = 0;  // by the rule; the least stays
    DocumentNumber document = 0;
    auto operator<=>(const Keyed&) const = default;
  };
  const int ranks = c.bench.ranks.size();
  Exchange<Keyed> same(c.bench, "same", [ranks](const Keyed& keyed) { return owner_of_key(keyed.key.high, ranks); });
  if (!same.is_sent()) {
    c.for_each([&](DocumentNumber document, const CuratedRow& row, std::span<const std::uint64_t> keys) {
      if (!keys.empty()) same.add({{keys[0], keys[1]}, keep_rank(row, keep_), document});
    });
  }
  same.send();
  Keyed kept;
  bool any = false;
  same.for_each([&](const Keyed& keyed) {
    if (any && keyed.key == kept.key)
      c.found({keyed.document, Finding::kOut, 0, kept.document});
    else
      kept = keyed;
    any = true;
  });
}

std::string ExactDedup::rule(const Removal&) const {
  return by_url_ ? "same_address" : "same_text";
}

std::string ExactDedup::reason(const Removal&, std::string_view kept_url) const {
  return fmt::format("same {} as {}", by_url_ ? "address" : "text", kept_url);
}

Variant ExactDedup::variant() {
  return {"exact_dedup",
          {field("by", string().one_of({"text", "url"}).def("text"),
                 "what must be the same: the text, or the address in normal form"),
           keep_field()},
          "documents that are the same; one is kept"};
}

std::unique_ptr<Deduplicator> ExactDedup::make(const Config& config) {
  return std::make_unique<ExactDedup>(config.string("by") == "url", keep_rule_of(config));
}

}  // namespace cairn::data
