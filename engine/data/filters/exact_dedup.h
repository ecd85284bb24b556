// exact_dedup: of documents with the same text (after the filters before it), or the same address in its normal form
// (url_key.h), one is kept.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/schema.h"
#include "engine/data/deduplicator.h"
#include "engine/data/keep_rule.h"

namespace cairn::data {

class ExactDedup : public Deduplicator {
 public:
  ExactDedup(bool by_url, KeepRule keep) : Deduplicator("exact_dedup"), by_url_(by_url), keep_(keep) {}

  // The text_key() of what must be the same. A document without an address has no key of it.
  void append_keys(const Document& document, std::vector<std::uint64_t>& keys) const override;
  void compare(Comparison& comparison) const override;
  std::string rule(const Removal& removal) const override;
  std::string reason(const Removal& removal, std::string_view kept_url) const override;

  static Variant variant();
  static std::unique_ptr<Deduplicator> make(const Config& config);

 private:
  bool by_url_;
  KeepRule keep_;
};

}  // namespace cairn::data
