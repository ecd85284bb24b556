// fineweb2: the rules of FineWeb-2 (Penedo et al. 2025) with its thresholds for each language (spec/data.md §2.5).
//
// In its order: the least language score, Gopher's repetition rules (without those on paragraphs and on characters of lines),
// FineWeb's quality rules (without the one on short lines), Gopher's quality rules; words as language_words.h finds them. Rules
// have the names that the single filters give them. Deduplication, PII and text repair are filters of their own.
#pragma once

#include <filesystem>
#include <map>
#include <memory>

#include "engine/data/chinese_words.h"
#include "engine/data/filters/filter.h"
#include "engine/data/filters/fineweb_quality.h"
#include "engine/data/filters/gopher_quality.h"
#include "engine/data/filters/gopher_repetition.h"
#include "engine/data/japanese/japanese_words.h"
#include "engine/data/thai_words.h"

namespace cairn::data {

// As in the file of a language, configs/deu_Latn.yml of FineWeb-2, whose names these are.
struct FineWeb2Thresholds {
  double language_score = 0;
  double dup_line_frac = 0;
  std::vector<NGramLimit> top_n_grams, dup_n_grams;
  double line_punct_thr = 0, new_line_ratio = 0;
  double min_avg_word_length = 0, max_avg_word_length = 0;
  double max_non_alpha_words_ratio = 0;  // in spite of its name the least share of words with a letter
  std::vector<std::string> stopwords;    // two different ones are wanted
};

// Error naming `name` and the field.
FineWeb2Thresholds read_fineweb2_thresholds(const std::string& yaml, const std::string& name);

struct FineWeb2Params {
  std::map<std::string, FineWeb2Thresholds> thresholds;  // by "deu_Latn"
  bool drop_others = false;                              // documents of languages without thresholds
  std::shared_ptr<const ChineseWords> chinese;           // finds the words of zh; ICU without it
  std::shared_ptr<const ThaiWords> thai;                 // likewise of th
  std::shared_ptr<const JapaneseWords> japanese;         // likewise of ja
};

class FineWeb2Filter : public Filter {
 public:
  explicit FineWeb2Filter(const FineWeb2Params& params);
  // Rules "no_thresholds", "language_score" (of documents that have one) and those of the three filters.
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;
  std::vector<Statistic> statistics() const override;
  // The same with words that others found; `analysis` holds them.
  Judgement judge_words(const Document& document, TextAnalysis& analysis) const;

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config, const std::vector<std::filesystem::path>& files);

 private:
  struct Rules {
    double language_score;
    GopherRepetitionFilter repetition;
    FineWebQualityFilter quality;
    GopherQualityFilter gopher;
  };
  const Rules* rules_of(const Document& document) const;

  std::map<std::string, Rules> rules_;
  bool drop_others_;
  std::shared_ptr<const ChineseWords> chinese_;
  std::shared_ptr<const ThaiWords> thai_;
  std::shared_ptr<const JapaneseWords> japanese_;
};

}  // namespace cairn::data
