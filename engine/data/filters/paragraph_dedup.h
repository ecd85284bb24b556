// paragraph_dedup: paragraphs or lines that stand earlier in the corpus are cut out (exact: sorted hashes of all of them, no
// Bloom filter, so nothing is cut that is not a repeat and no repeat is missed).
//
// "Earlier" is input order: of the same text, the first `copies` occurrences stay. What a filter behind this one drops counts as
// having been there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/schema.h"
#include "engine/data/deduplicator.h"

namespace cairn::data {

struct ParagraphDedupParams {
  bool lines = false;  // compare lines; else paragraphs, which blank lines separate
  bool simplified =
      false;  // compare without case, numbers, punctuation and diacritics (characters.h); else as they are, stripped
  std::size_t min_bytes = 40;  // shorter ones stay: list items, braces, headings
  std::int64_t copies = 1;     // occurrences that stay; 0: what comes twice goes everywhere
  double drop_share = 1;  // a document of which this share of bytes would be cut is dropped; one of which nothing is left always
};

// Paragraphs or lines of a text that are not blank: [begin, end) without the line ends behind them.
struct TextPart {
  std::size_t begin = 0, end = 0;
};
std::vector<TextPart> text_parts(std::string_view text, bool lines);

class ParagraphDedup : public Deduplicator {
 public:
  explicit ParagraphDedup(const ParagraphDedupParams& params) : Deduplicator("paragraph_dedup"), params_(params) {}

  void append_keys(const Document& document, std::vector<std::uint64_t>& keys) const override;  // two numbers a part
  void compare(Comparison& comparison) const override;
  void apply(DedupRow& row, std::span<const Finding> findings) const override;  // about parts, by number
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
  template <typename Fn>
  void for_each_compared(std::string_view text, Fn&& fn) const;  // fn(part) for each that is long enough

  ParagraphDedupParams params_;
};

}  // namespace cairn::data
