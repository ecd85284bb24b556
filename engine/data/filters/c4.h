// c4: the cleaning of C4 (Raffel et al. 2020) as datatrove applies it (spec/data.md §2.1). Drops lines, and documents that are
// left with too few sentences or hold "lorem ipsum" or a curly bracket. Edits: the text becomes the kept lines.
#pragma once

#include "engine/data/filters/filter.h"

namespace cairn::data {

struct C4Params {
  bool terminal_punctuation = true;  // drop lines that do not end in . ? ! " ' (FineWeb runs without this rule)
  bool citations = true;             // remove [12], [edit], [citation needed]
  bool lorem_ipsum = true, javascript = true, curly_bracket = true, policy = true;
  std::int64_t min_sentences = 5;         // 0 = no test
  std::int64_t min_words_per_line = 3;    // by white space; 0 = no test
  std::int64_t max_word_length = 1000;    // characters; 0 = no test
  Unspaced unspaced = Unspaced::letters;  // scripts without spaces
};

class C4Filter : public Filter {
 public:
  explicit C4Filter(C4Params params) : params_(params) {}
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;
  std::vector<Statistic> statistics() const override;

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config);

 private:
  C4Params params_;
};

}  // namespace cairn::data
