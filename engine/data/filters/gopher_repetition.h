// gopher_repetition: the repetition rules of Gopher (Rae et al. 2021, table A1) as datatrove applies them (spec/data.md §2.3).
//
// Shares are of the characters of the whole text, white space included (the paper counts characters of words; datatrove does not,
// and neither do we). Where words are single characters (words.h), n-grams are of 2n.
#pragma once

#include <utility>

#include "engine/data/filters/filter.h"

namespace cairn::data {

using NGramLimit = std::pair<int, double>;  // n, largest share of characters

struct GopherRepetitionParams {
  double max_dup_paragraphs = 0.30, max_dup_paragraph_chars = 0.20;  // 0 disables
  double max_dup_lines = 0.30, max_dup_line_chars = 0.20;
  std::vector<NGramLimit> top_n_grams = {{2, 0.20}, {3, 0.18}, {4, 0.16}};
  std::vector<NGramLimit> dup_n_grams = {{5, 0.15}, {6, 0.14}, {7, 0.13}, {8, 0.12}, {9, 0.11}, {10, 0.10}};
  Unspaced unspaced = Unspaced::letters;  // scripts without spaces
};

class GopherRepetitionFilter : public Filter {
 public:
  explicit GopherRepetitionFilter(GopherRepetitionParams params) : params_(std::move(params)) {}
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;
  std::vector<Statistic> statistics() const override;

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config);

 private:
  GopherRepetitionParams params_;
};

}  // namespace cairn::data
