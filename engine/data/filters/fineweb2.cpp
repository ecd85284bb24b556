#include "engine/data/filters/fineweb2.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/data/language_codes.h"
#include "engine/data/language_words.h"

namespace cairn::data {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kEnding = ".yml";
constexpr std::uint32_t kOwnStatistics = 1000;  // the statistics of its three filters are numbered from 1000, 2000 and 3000 on

struct NumberField {
  const char* name;
  double FineWeb2Thresholds::*place;
  double most;
  const char* help;
};
constexpr NumberField kNumbers[] = {
    {"language_score", &FineWeb2Thresholds::language_score, 1, "least score of the language"},
    {"dup_line_frac", &FineWeb2Thresholds::dup_line_frac, 1, "share of lines that are repeats; 0 = no test"},
    {"line_punct_thr", &FineWeb2Thresholds::line_punct_thr, 1, "least share of lines that end in a terminal mark"},
    {"new_line_ratio", &FineWeb2Thresholds::new_line_ratio, 1e9, "line ends per word"},
    {"min_avg_word_length", &FineWeb2Thresholds::min_avg_word_length, 1e9, "characters; 0 = no test"},
    {"max_avg_word_length", &FineWeb2Thresholds::max_avg_word_length, 1e9, "characters; 0 = no test"},
    {"max_non_alpha_words_ratio", &FineWeb2Thresholds::max_non_alpha_words_ratio, 1,
     "least share of words with a letter; 0 = no test"},
};

class ThresholdReader {
 public:
  ThresholdReader(const YAML::Node& root, const std::string& name) : root_(root), name_(name) {
    if (!root_.IsMap()) fail("{}: expected thresholds by name", name_);
  }

  double number(const char* field, double most) const {
    double value = 0;
    const YAML::Node node = root_[field];
    if (!node) fail("{}: {} is missing", name_, field);
    if (!YAML::convert<double>::decode(node, value) || !(value >= 0 && value <= most))
      fail("{}: {}: expected a number from 0 to {}", name_, field, most);
    return value;
  }

  std::vector<NGramLimit> limits(const char* field) const {
    std::vector<NGramLimit> limits;
    for (const YAML::Node& pair : list(field)) {
      int n = 0;
      double limit = 0;
      const bool good = pair.IsSequence() && pair.size() == 2 && YAML::convert<int>::decode(pair[0], n) &&
                        YAML::convert<double>::decode(pair[1], limit) && n >= 1 && n <= 50 && limit >= 0;
      if (!good) fail("{}: {}: expected pairs of a length from 1 to 50 and a share", name_, field);
      limits.emplace_back(n, limit);
    }
    return limits;
  }

  std::vector<std::string> strings(const char* field) const {
    std::vector<std::string> strings;
    for (const YAML::Node& item : list(field)) {
      if (!item.IsScalar()) fail("{}: {}: expected words", name_, field);
      strings.push_back(item.Scalar());
    }
    return strings;
  }

 private:
  YAML::Node list(const char* field) const {
    const YAML::Node node = root_[field];
    if (!node || !node.IsSequence()) fail("{}: {}: expected a list", name_, field);
    return node;
  }

  const YAML::Node& root_;
  const std::string& name_;
};

}  // namespace

FineWeb2Thresholds read_fineweb2_thresholds(const std::string& yaml, const std::string& name) {
  try {
    const YAML::Node root = YAML::Load(yaml);
    const ThresholdReader reader(root, name);
    FineWeb2Thresholds thresholds;
    for (const NumberField& field : kNumbers) thresholds.*field.place = reader.number(field.name, field.most);
    thresholds.top_n_grams = reader.limits("top_n_grams");
    thresholds.dup_n_grams = reader.limits("dup_n_grams");
    thresholds.stopwords = reader.strings("stopwords");
    return thresholds;
  } catch (const YAML::Exception& error) {
    fail("{}: line {}: {}", name, error.mark.line + 1, error.msg);
  }
}

FineWeb2Filter::FineWeb2Filter(const FineWeb2Params& params)
    : drop_others_(params.drop_others), chinese_(params.chinese), thai_(params.thai), japanese_(params.japanese) {
  for (const auto& [name, t] : params.thresholds) {
    GopherRepetitionParams repetition;
    repetition.max_dup_paragraphs = repetition.max_dup_paragraph_chars = repetition.max_dup_line_chars = 0;
    repetition.max_dup_lines = t.dup_line_frac;
    repetition.top_n_grams = t.top_n_grams;
    repetition.dup_n_grams = t.dup_n_grams;
    FineWebQualityParams quality;
    quality.max_short_lines = 999;
    quality.max_dup_line_chars = 0.1;
    quality.min_terminal_lines = t.line_punct_thr;
    quality.max_newlines_per_word = t.new_line_ratio;
    GopherQualityParams gopher;
    gopher.min_mean_word_length = t.min_avg_word_length;
    gopher.max_mean_word_length = t.max_avg_word_length;
    gopher.min_alpha_words = t.max_non_alpha_words_ratio;
    gopher.stop_words = t.stopwords;
    rules_.emplace(name, Rules{t.language_score, GopherRepetitionFilter(repetition), FineWebQualityFilter(quality),
                               GopherQualityFilter(std::move(gopher))});
  }
}

const FineWeb2Filter::Rules* FineWeb2Filter::rules_of(const Document& document) const {
  const auto found = rules_.find(label_of_language(document.language));
  return found == rules_.end() ? nullptr : &found->second;
}

Judgement FineWeb2Filter::judge(const Document& document, TextAnalysis& analysis) const {
  const Rules* rules = rules_of(document);
  if (rules == nullptr) {
    Judgement judgement = keep();
    if (drop_others_)
      judgement = drop("no_thresholds", fmt::format("there are no thresholds for language '{}'", document.language));
    judgement.evidence = "no thresholds for " + label_of_language(document.language);
    return judgement;
  }
  for (const Score& score : document.scores) {
    if (score.name == "language") analysis.measured(0, score.value);
    if (score.name == "language" && score.value < rules->language_score) {
      return drop("language_score", fmt::format("language '{}' with score {}, at least {} wanted", document.language, score.value,
                                                rules->language_score));
    }
  }
  std::vector<std::string_view> words;
  if (chinese_ && (document.language == "zh" || document.language.starts_with("zh-")))
    chinese_->split(analysis.text(), words);
  else if (thai_ && (document.language == "th" || document.language.starts_with("th-")))
    thai_->split(analysis.text(), words);
  else if (japanese_ && (document.language == "ja" || document.language.starts_with("ja-")))
    japanese_->split(analysis.text(), words);
  else
    split_words_of(analysis.text(), document.language, words);
  TextAnalysis own(analysis.text(), std::move(words));
  Judgement judgement = judge_words(document, own);
  for (const TextAnalysis::Measure& measure : own.measures()) analysis.measured(measure.statistic, measure.value);
  return judgement;
}

Judgement FineWeb2Filter::judge_words(const Document& document, TextAnalysis& analysis) const {
  const Rules* rules = rules_of(document);
  if (rules == nullptr) return keep();
  const Document of_no_language;  // the thresholds are the language's already
  std::size_t noted = analysis.measures().size();
  std::uint32_t first = 0;
  for (const Filter* filter : {static_cast<const Filter*>(&rules->repetition), static_cast<const Filter*>(&rules->quality),
                               static_cast<const Filter*>(&rules->gopher)}) {
    Judgement judgement = filter->judge(of_no_language, analysis);
    first += kOwnStatistics;
    for (; noted < analysis.measures().size(); ++noted) analysis.measures()[noted].statistic += first;
    if (judgement.action == Judgement::Action::drop) return judgement;
  }
  return keep();
}

std::vector<Statistic> FineWeb2Filter::statistics() const {
  std::vector<Statistic> all;
  for (const auto& [language, rules] : rules_) {
    add_statistic(
        all,
        {0, "language_score", "score of the language", Statistic::Scale::share, 1, {rules.language_score}, {"language_score"}});
    std::uint32_t first = 0;
    for (const Filter* filter : {static_cast<const Filter*>(&rules.repetition), static_cast<const Filter*>(&rules.quality),
                                 static_cast<const Filter*>(&rules.gopher)}) {
      first += kOwnStatistics;
      for (Statistic statistic : filter->statistics()) {
        statistic.id += first;
        add_statistic(all, statistic);
      }
    }
  }
  std::sort(all.begin(), all.end(), [](const Statistic& a, const Statistic& b) { return a.id < b.id; });
  return all;
}

Variant FineWeb2Filter::variant() {
  std::vector<Field> numbers;
  for (const NumberField& f : kNumbers) numbers.push_back(field(f.name, number().min(0).max(f.most).def(nullptr), f.help));
  return {
      "fineweb2",
      {
          field("file", string().min(1), "folder of FineWeb-2's configs, one LANGUAGE_Script.yml each"),
          field("chinese_words", string().min(1).def(nullptr),
                "folder of jieba's dict.txt and finalseg/prob_*.py: Chinese words as it finds them; without it by ICU"),
          field("thai_words", string().min(1).def(nullptr),
                "PyThaiNLP's words_th.txt: Thai words as it finds them; without it by ICU"),
          field("japanese_words", string().min(1).def(nullptr),
                "folder of Sudachi's system.dic and SudachiPy's settings: Japanese words as it finds them; without it by ICU"),
          field("others", string().one_of({"keep", "drop"}).def("keep"), "documents of languages without a file"),
          field("overrides", map(object(std::move(numbers))).def(Json::object()),
                "other numbers for a language: {\"de\": {\"new_line_ratio\": 0.2}}"),
      },
      "rules of FineWeb-2 with its thresholds per language"};
}

std::unique_ptr<Filter> FineWeb2Filter::make(const Config& config, const std::vector<fs::path>& files) {
  const fs::path& folder = files.at(0);
  FineWeb2Params params;
  std::size_t file = 1;
  if (config.has("chinese_words")) params.chinese = std::make_shared<const ChineseWords>(files.at(file++));
  if (config.has("thai_words")) params.thai = std::make_shared<const ThaiWords>(files.at(file++));
  if (config.has("japanese_words")) params.japanese = std::make_shared<const JapaneseWords>(files.at(file++));
  params.drop_others = config.string("others") == "drop";
  if (!fs::is_directory(folder)) fail("{}: expected a folder of FineWeb-2's configs", folder.string());
  for (const DiskEntry& entry : real_disk().list(folder)) {
    if (!entry.name.ends_with(kEnding)) continue;
    const fs::path path = folder / entry.name;
    params.thresholds.emplace(path.stem().string(), read_fineweb2_thresholds(read_file(path), path.string()));
  }
  if (params.thresholds.empty()) fail("{}: no *{} in this folder", folder.string(), kEnding);
  for (const auto& [language, numbers] : config.json("overrides").items()) {
    const std::string name = label_of_language(language_of_label(language));
    const auto thresholds = params.thresholds.find(name);
    if (thresholds == params.thresholds.end())
      fail_usage("fineweb2.overrides: '{}': there is no {}{} in {}", language, name, kEnding, folder.string());
    for (const NumberField& f : kNumbers) {
      if (!numbers.at(f.name).is_null()) thresholds->second.*f.place = numbers.at(f.name).get<double>();
    }
  }
  return std::make_unique<FineWeb2Filter>(params);
}

}  // namespace cairn::data
