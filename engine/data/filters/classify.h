// classify: records how probable a label is by a fastText model (quality, toxicity, any other), and drops by limits; score:
// limits alone, on a score that is there. Limits can differ by language. Shares instead of limits are the filter `percentile`.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "engine/data/classifiers/fasttext.h"
#include "engine/data/filters/filter.h"

namespace cairn::data {

struct ScoreLimits {
  std::string score;  // its name
  std::optional<double> min, max;
  std::map<std::string, double> mins, maxs;  // by language, instead of min and max

  // Drops "NAME_low" below the least, "NAME_high" above the most; both bounds are allowed values.
  Judgement judge(double value, const std::string& language) const;
  std::vector<Statistic> statistics() const;  // the score, with all limits
};

class ScoreFilter : public Filter {
 public:
  ScoreFilter(ScoreLimits limits, bool drop_missing) : limits_(std::move(limits)), drop_missing_(drop_missing) {}
  // Documents without the score are kept, or dropped as "NAME_missing".
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;
  std::vector<Statistic> statistics() const override;

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config);

 private:
  ScoreLimits limits_;
  bool drop_missing_;
};

class ClassifyFilter : public Filter {
 public:
  // Error (usage) when the model has no `label`. `languages`: whose documents are classified; empty = all.
  ClassifyFilter(ScoreLimits limits, const std::string& label, std::set<std::string> languages,
                 const std::filesystem::path& model);
  // The score is the label's probability, 0 for a text without anything that the model knows.
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;
  std::vector<Statistic> statistics() const override;

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config, const std::vector<std::filesystem::path>& files);

 private:
  ScoreLimits limits_;
  std::set<std::string> languages_;
  FastTextModel model_;
  std::int32_t label_ = 0;
};

}  // namespace cairn::data
