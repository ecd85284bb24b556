// substring_dedup: passages of at least `min_bytes` bytes that stand elsewhere in the corpus, or elsewhere in the same text, are
// cut out, found exactly by suffix arrays (Lee et al., "Deduplicating training data makes language models better", 2022).
//
// What is a repeat: every window of min_bytes bytes inside a text that stands at two places. Of each window the first place in
// input order stays, all others are marked; marked bytes are cut. (With copies 0 all places are marked, as in the paper's
// program.) Of a passage with windows that stand first in different texts each of these keeps its own part only: the whole of it
// may then stand nowhere any more.
//
// The first rank alone compares. Memory: 16 bytes a document, its texts mapped; a corpus of more than a sixteenth of what is given
// is cut into shards, whose suffix arrays are made one for each thread at a time, written to files and merged. Of each shard a
// thread that merges holds 4 KB at least; no file stays open.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/schema.h"
#include "engine/data/deduplicator.h"

namespace cairn::data {

struct SubstringDedupParams {
  std::size_t min_bytes = 200;  // about 50 tokens of English
  int copies = 1;               // places that stay: 1 or 0
  double drop_share = 1;        // as in paragraph_dedup
};

class SubstringDedup : public Deduplicator {
 public:
  explicit SubstringDedup(const SubstringDedupParams& params) : Deduplicator("substring_dedup"), params_(params) {}

  void append_keys(const Document&, std::vector<std::uint64_t>&) const override {}  // it works on the texts
  void compare(Comparison& comparison) const override;
  void apply(DedupRow& row, std::span<const Finding> findings) const override;  // about bytes
  bool cuts() const override { return true; }
  std::string rule(const Removal& removal) const override;
  std::string reason(const Removal& removal, std::string_view kept_url) const override;
  std::string cut_reason(const std::vector<Cut>& cuts) const override;
  std::vector<MeasuredStatistic> measured(const Outcome& outcome) const override {
    return {measured_cuts(outcome, *this, params_.drop_share)};
  }

  static Variant variant();
  static std::unique_ptr<Deduplicator> make(const Config& config);

 private:
  SubstringDedupParams params_;
};

}  // namespace cairn::data
