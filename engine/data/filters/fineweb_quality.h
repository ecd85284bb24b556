// fineweb_quality: the extra rules of FineWeb (Penedo et al. 2024) as in datatrove (spec/data.md §2.4).
#pragma once

#include "engine/data/filters/filter.h"

namespace cairn::data {

struct FineWebQualityParams {
  double min_terminal_lines = 0.12;  // least share of lines that end in a terminal mark of any script
  bool spare_zero = false;           // do not drop texts where no line at all does
  double max_short_lines = 0.67;     // share of lines of at most short_line characters
  std::int64_t short_line = 30;
  double max_dup_line_chars = 0.01;  // characters in repeated lines, of the text without newlines
  double max_newlines_per_word = 0.3;
  Unspaced unspaced = Unspaced::letters;  // scripts without spaces
};

class FineWebQualityFilter : public Filter {
 public:
  explicit FineWebQualityFilter(FineWebQualityParams params) : params_(params) {}
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;
  std::vector<Statistic> statistics() const override;

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config);

 private:
  FineWebQualityParams params_;
};

}  // namespace cairn::data
