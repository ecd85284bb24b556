// percentile: of each language, drops the documents whose score is among the highest or lowest share. Apertus drops the 5% of
// each language that its classifier calls most toxic, and keeps the 33% or 10% of highest quality (spec/data.md §1.4).
//
// Documents are compared by rank, exactly (order_statistic.h): at most floor(share * n) of a language's n documents with a score
// go, fewer where several share the score at the border, for those stay together. Documents without the score stay and are not
// counted.
#pragma once

#include <memory>
#include <string>

#include "base/schema.h"
#include "engine/data/deduplicator.h"

namespace cairn::data {

struct PercentileParams {
  std::string score;  // name, as classify and language record it
  bool highest = true;
  double share = 0.05;
  bool by_language = true;  // else over all documents
};

class PercentileRule : public Deduplicator {
 public:
  explicit PercentileRule(PercentileParams params) : Deduplicator("percentile"), params_(std::move(params)) {}
  void append_keys(const Document& document, std::vector<std::uint64_t>& keys) const override;
  void compare(Comparison& comparison) const override;
  std::string rule(const Removal& removal) const override;
  std::string reason(const Removal& removal, std::string_view kept_url) const override;
  std::vector<MeasuredStatistic> measured(const Outcome& outcome) const override;

  static Variant variant();
  static std::unique_ptr<Deduplicator> make(const Config& config);

 private:
  PercentileParams params_;
};

}  // namespace cairn::data
