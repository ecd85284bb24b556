#include "engine/data/filters/language.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/data/language_codes.h"

namespace cairn::data {

namespace {

constexpr std::int32_t kAlternatives = 4;  // looked at, the best one included
constexpr float kLeastAlternative = 0.01f;

}  // namespace

LanguageFilter::LanguageFilter(LanguageParams params, const std::filesystem::path& model)
    : params_(std::move(params)), model_(model) {
  std::set<std::string> known;
  for (std::int32_t i = 0; i < model_.labels(); ++i) known.insert(languages_.emplace_back(language_of_label(model_.label(i))));
  const std::vector<std::string> names(known.begin(), known.end());
  const auto check = [&](const std::string& language, const char* where) {
    if (known.contains(language)) return;
    const std::string near = nearest_name(language, names);
    fail_usage("language.{}: {} knows no language '{}'{}", where, model.string(), language,
               near.empty() ? "" : fmt::format(". Did you mean '{}'?", near));
  };
  for (const std::string& language : params_.allow) check(language, "allow");
  for (const auto& [language, score] : params_.min_scores) check(language, "min_scores");
}

Judgement LanguageFilter::judge(const Document& document, TextAnalysis& analysis) const {
  const std::vector<FastTextPrediction> found = model_.predict(analysis.text(), kAlternatives, kLeastAlternative);
  if (found.empty()) {
    Judgement judgement = drop("unknown", "nothing in it tells its language");
    judgement.language = "und";
    return judgement;
  }
  const std::string& language = languages_[static_cast<std::size_t>(found.front().label)];
  const double score = rounded_score(found.front().score);
  const auto own = params_.min_scores.find(language);
  const double least = own != params_.min_scores.end() ? own->second : params_.min_score;
  Judgement judgement = keep();
  analysis.measured(0, score);
  if (!params_.allow.empty() && !params_.allow.contains(language))
    judgement = drop("not_allowed", fmt::format("its language is '{}', which is not on the list", language));
  else if (score < least)
    judgement = drop("low_score", fmt::format("language '{}' with score {}, at least {} wanted", language, score, least));
  judgement.language = language;
  judgement.scores = {{"language", score}};
  judgement.evidence = fmt::format("{} {}", language, score);
  for (std::size_t i = 1; i < found.size(); ++i)
    judgement.evidence +=
        fmt::format(", {} {}", languages_[static_cast<std::size_t>(found[i].label)], rounded_score(found[i].score));
  if (document.language != language) judgement.evidence += fmt::format(" (declared '{}')", document.language);
  return judgement;
}

std::vector<Statistic> LanguageFilter::statistics() const {
  std::vector<Statistic> all;
  const auto add = [&all](double limit) {
    add_statistic(all, {0, "language_score", "score of the language", Statistic::Scale::share, 1, {limit}, {"low_score"}});
  };
  add(params_.min_score);
  for (const auto& [language, least] : params_.min_scores) add(least);
  return all;
}

Variant LanguageFilter::variant() {
  const LanguageParams d;
  return {"language",
          {
              field("file", string().min(1),
                    "fastText model that labels with languages: lid.176.bin, lid.176.ftz, GlotLID's model.bin"),
              field("min_score", number().min(0).max(1).def(d.min_score), "least score; 0 = only record"),
              field("min_scores", map(number().min(0).max(1)).def(Json::object()),
                    "by language, instead of min_score: {\"de\": 0.82}"),
              field("allow", list(string().min(2)).def(Json::array()), "languages to keep, \"de\" or \"deu_Latn\"; empty = all"),
          },
          "identify the language, record it with its score, drop what is uncertain or not wanted"};
}

std::unique_ptr<Filter> LanguageFilter::make(const Config& config, const std::vector<std::filesystem::path>& files) {
  LanguageParams params;
  params.min_score = config.number("min_score");
  for (const auto& [language, score] : config.json("min_scores").items())
    params.min_scores[language_of_label(language)] = score.get<double>();
  for (const std::string& language : config.strings("allow")) params.allow.insert(language_of_label(language));
  return std::make_unique<LanguageFilter>(std::move(params), files.at(0));
}

}  // namespace cairn::data
