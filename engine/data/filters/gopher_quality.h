// gopher_quality: the quality rules of Gopher (Rae et al. 2021, table A1) as datatrove applies them (spec/data.md §2.2).
//
// English gets the published numbers and stop words. Other languages have their own stop words in a small table (languages
// without an entry are not tested for stop words), and languages whose words here are single characters are not tested for word
// length.
#pragma once

#include "engine/data/filters/filter.h"

namespace cairn::data {

// A bound of 0 disables its test; all comparisons are strict.
struct GopherQualityParams {
  std::int64_t min_words = 50, max_words = 100'000;  // words with a character that is not punctuation
  double min_mean_word_length = 3, max_mean_word_length = 10;
  double max_symbol_ratio = 0.1;  // '#', and ellipses, per word
  double max_bullet_lines = 0.9, max_ellipsis_lines = 0.3;
  double min_alpha_words = 0.8;           // words with a letter, of all words (punctuation marks count as words)
  std::int64_t min_stop_words = 2;        // distinct
  std::vector<std::string> stop_words;    // for all languages; empty = the table
  Unspaced unspaced = Unspaced::letters;  // scripts without spaces
};

class GopherQualityFilter : public Filter {
 public:
  explicit GopherQualityFilter(GopherQualityParams params) : params_(std::move(params)) {}
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;
  std::vector<Statistic> statistics() const override;

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config);

 private:
  GopherQualityParams params_;
};

// Stop words of a BCP 47 language, by its first part; empty when there are none.
const std::vector<std::string_view>& stop_words_of(std::string_view language);

}  // namespace cairn::data
