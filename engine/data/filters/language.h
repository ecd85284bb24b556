// language: identifies each document's language by a fastText model (lid.176, GlotLID or any that labels with language codes),
// records language and score, and drops what is too uncertain or not wanted.
//
// From here on the document's language is what the model says, and rules with numbers of their own per language go by it.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "engine/data/classifiers/fasttext.h"
#include "engine/data/filters/filter.h"

namespace cairn::data {

struct LanguageParams {
  double min_score = 0.65;
  std::map<std::string, double> min_scores;  // by language; instead of min_score
  std::set<std::string> allow;               // languages; empty = all
};

class LanguageFilter : public Filter {
 public:
  LanguageFilter(LanguageParams params, const std::filesystem::path& model);
  // Keeps with a new language, or drops: "unknown" (nothing in the text that the model knows), "low_score", "not_allowed".
  // A line end counts as a space. The evidence has what was declared and the next best languages from 0.01 on.
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;
  std::vector<Statistic> statistics() const override;

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config, const std::vector<std::filesystem::path>& files);

 private:
  LanguageParams params_;
  FastTextModel model_;
  std::vector<std::string> languages_;  // of each label
};

}  // namespace cairn::data
