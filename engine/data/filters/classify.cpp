#include "engine/data/filters/classify.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/data/language_codes.h"

namespace cairn::data {

namespace {

constexpr std::string_view kLabelPrefix = "__label__";

std::vector<Field> limit_fields() {
  return {
      field("min", number().def(nullptr), "least score of a document that stays"),
      field("max", number().def(nullptr), "most"),
      field("mins", map(number()).def(Json::object()), "by language, instead of min: {\"de\": 0.4}"),
      field("maxs", map(number()).def(Json::object()), "by language, instead of max: {\"de\": 0.9977, \"fr\": 0.9994}"),
  };
}

std::vector<Field> with_limits(std::vector<Field> fields) {
  for (Field& limit : limit_fields()) fields.push_back(std::move(limit));
  return fields;
}

ScoreLimits limits_of(const Config& config) {
  ScoreLimits limits;
  limits.score = config.string("score");
  if (config.has("min")) limits.min = config.number("min");
  if (config.has("max")) limits.max = config.number("max");
  for (const auto& [language, least] : config.json("mins").items())
    limits.mins[language_of_label(language)] = least.get<double>();
  for (const auto& [language, most] : config.json("maxs").items()) limits.maxs[language_of_label(language)] = most.get<double>();
  return limits;
}

std::optional<double> limit_for(const std::optional<double>& all, const std::map<std::string, double>& by_language,
                                const std::string& language) {
  const auto own = by_language.find(language);
  return own != by_language.end() ? std::optional<double>(own->second) : all;
}

}  // namespace

Judgement ScoreLimits::judge(double value, const std::string& language) const {
  const std::optional<double> least = limit_for(min, mins, language), most = limit_for(max, maxs, language);
  if (least && value < *least) return drop(score + "_low", fmt::format("{} {}, at least {} wanted", score, value, *least));
  if (most && value > *most) return drop(score + "_high", fmt::format("{} {}, limit {}", score, value, *most));
  return keep();
}

std::vector<Statistic> ScoreLimits::statistics() const {
  std::vector<Statistic> all;
  const Statistic plain{0, score, "score " + score, Statistic::Scale::share, 1, {}, {score + "_low", score + "_high"}};
  add_statistic(all, plain);
  const auto add = [&](double limit) {
    Statistic one = plain;
    one.limits = {limit};
    add_statistic(all, one);
  };
  for (const std::optional<double>& limit : {min, max}) {
    if (limit) add(*limit);
  }
  for (const auto* by_language : {&mins, &maxs}) {
    for (const auto& [language, limit] : *by_language) add(limit);
  }
  return all;
}

std::vector<Statistic> ScoreFilter::statistics() const {
  return limits_.statistics();
}

std::vector<Statistic> ClassifyFilter::statistics() const {
  return limits_.statistics();
}

Judgement ScoreFilter::judge(const Document& document, TextAnalysis& analysis) const {
  for (const Score& score : document.scores) {
    if (score.name != limits_.score) continue;
    analysis.measured(0, score.value);
    return limits_.judge(score.value, document.language);
  }
  return drop_missing_ ? drop(limits_.score + "_missing", fmt::format("it has no score '{}'", limits_.score)) : keep();
}

Variant ScoreFilter::variant() {
  return {"score",
          with_limits({field("score", string().min(1),
                             "which score: \"quality\", as a filter before it or the documents' makers recorded it"),
                       field("missing", string().one_of({"keep", "drop"}).def("keep"), "documents without it")}),
          "limits on a score that documents have"};
}

std::unique_ptr<Filter> ScoreFilter::make(const Config& config) {
  return std::make_unique<ScoreFilter>(limits_of(config), config.string("missing") == "drop");
}

ClassifyFilter::ClassifyFilter(ScoreLimits limits, const std::string& label, std::set<std::string> languages,
                               const std::filesystem::path& model)
    : limits_(std::move(limits)), languages_(std::move(languages)), model_(model) {
  std::vector<std::string> names;
  for (std::int32_t i = 0; i < model_.labels(); ++i) {
    std::string_view name = model_.label(i);
    if (name.starts_with(kLabelPrefix)) name.remove_prefix(kLabelPrefix.size());
    if (name == label || model_.label(i) == label) {
      label_ = i;
      return;
    }
    names.emplace_back(name);
  }
  const std::string near = nearest_name(label, names);
  names.resize(std::min<std::size_t>(names.size(), 10));
  fail_usage("classify.label: {} has no label '{}'{}", model.string(), label,
             near.empty() ? fmt::format("; it has {}", fmt::join(names, ", ")) : fmt::format(". Did you mean '{}'?", near));
}

Judgement ClassifyFilter::judge(const Document& document, TextAnalysis& analysis) const {
  if (!languages_.empty() && !languages_.contains(document.language)) return keep();
  double score = 0;
  for (const FastTextPrediction& found : model_.predict(analysis.text(), model_.labels())) {
    if (found.label == label_) score = rounded_score(found.score);
  }
  analysis.measured(0, score);
  Judgement judgement = limits_.judge(score, document.language);
  judgement.scores = {{limits_.score, score}};
  judgement.evidence = fmt::format("{} {}", limits_.score, score);
  return judgement;
}

Variant ClassifyFilter::variant() {
  return {
      "classify",
      with_limits({field("file", string().min(1), "fastText model (.bin, .ftz)"),
                   field("label", string().min(1), "whose probability is the score, with or without \"__label__\""),
                   field("score", string().min(1), "name under which it is recorded: \"quality\", \"toxicity\""),
                   field("languages", list(string().min(2)).def(Json::array()), "whose documents are classified; empty = all")}),
      "record how probable a label is by a fastText model; drop by limits"};
}

std::unique_ptr<Filter> ClassifyFilter::make(const Config& config, const std::vector<std::filesystem::path>& files) {
  std::set<std::string> languages;
  for (const std::string& language : config.strings("languages")) languages.insert(language_of_label(language));
  return std::make_unique<ClassifyFilter>(limits_of(config), config.string("label"), std::move(languages), files.at(0));
}

}  // namespace cairn::data
