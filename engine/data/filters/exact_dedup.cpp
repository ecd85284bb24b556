#include "engine/data/filters/exact_dedup.h"

#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/external_sort.h"
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
  ExternalSorter<KeyedDocument> sorter(c.disk, c.scratch, c.memory, c.threads);
  for (std::size_t i = 0; i < c.rows.size(); ++i) {
    if (!c.in(i)) continue;
    const std::span<const std::uint64_t> keys = c.keys(i);
    if (!keys.empty()) sorter.add({{keys[0], keys[1]}, i});
  }
  std::vector<std::uint32_t> group;
  KeyedDocument last;
  const auto finish = [&] {
    if (group.size() < 2) return;
    std::uint32_t best = group[0];
    for (const std::uint32_t i : group) {
      if (is_better(*c.rows[i].row, *c.rows[best].row, keep_)) best = i;
    }
    for (const std::uint32_t i : group) {
      if (i != best) c.rows[i].removal = {this, best, 0};
    }
  };
  sorter.for_each_sorted([&](const KeyedDocument& keyed) {
    if (!group.empty() && keyed.key != last.key) {
      finish();
      group.clear();
    }
    group.push_back(static_cast<std::uint32_t>(keyed.document));
    last = keyed;
  });
  finish();
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
