// The filter `fineweb2`: datatrove's decisions on texts of twelve languages (tests/golden/fineweb2/make_fineweb2.py), its files,
// and words of languages.
#include "engine/data/filters/fineweb2.h"

#include <cstdlib>
#include <map>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/language_codes.h"
#include "engine/data/language_words.h"
#include "engine/text/unicode.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;

namespace {

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

// As make_fineweb2.py cuts the files.
std::vector<std::string> lines_of(const fs::path& path) {
  const std::string text = read_file(path), ending = path.extension().string();
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    if (ending == ".xml") {
      const std::size_t begin = line.find("<para>"), close = line.rfind("</para>");
      if (begin == std::string::npos || close == std::string::npos) continue;
      line = line.substr(begin + 6, close - begin - 6);
    } else if (ending == ".tsv") {
      line.resize(std::min(line.find('\t'), line.size()));
    } else if (ending == ".jsonl") {
      const Json row = parse_json(line, "row");
      line =
          row["premise"].get<std::string>() + " " + row["choice1"].get<std::string>() + " " + row["choice2"].get<std::string>();
    }
    lines.push_back(line);
  }
  return lines;
}

std::string worse(std::vector<std::string> lines, int how) {
  if (how == 1) {
    for (std::string& line : lines) line = "- " + line;
  } else if (how == 2) {
    lines.resize(lines.size() / 2);
    const std::vector<std::string> half = lines;
    lines.insert(lines.end(), half.begin(), half.end());
  } else if (how == 5) {
    lines.resize(2);
  } else if (how == 7) {
    const std::vector<std::string> first(lines.begin(), lines.begin() + 2);
    for (int i = 0; i < 2; ++i) lines.insert(lines.end(), first.begin(), first.end());
  }
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i) text += (i ? "\n" : "") + lines[i];
  if (how == 3) return replaced(replaced(text, ". ", " ... "), "\xe3\x80\x82", "\xe2\x80\xa6\xe2\x80\xa6");
  if (how == 4) return replaced(replaced(text, " ", " 7 "), "\xe3\x80\x81", " 7 ");
  if (how == 6)
    return replaced(replaced(replaced(text, ", ", ",\n"), "\xe3\x80\x81", "\xe3\x80\x81\n"), "\xef\xbc\x8c", "\xef\xbc\x8c\n");
  return text;
}

// Words of the lengths that datatrove's tokenizer found, one digit each; views into `text`. White space stands between words.
std::vector<std::string_view> words_of_lengths(std::string_view text, const std::string& lengths) {
  std::vector<std::string_view> words;
  std::size_t at = 0;
  const auto skip = [&](std::size_t from) {
    int length;
    text::decode_valid(text.data() + from, length);
    return from + static_cast<std::size_t>(length);
  };
  for (const char digit : lengths) {
    while (at < text.size() && strip(text.substr(at, skip(at) - at)).empty()) at = skip(at);
    std::size_t end = at;
    for (int n = digit <= '9' ? digit - '0' : digit - 'a' + 10; n > 0 && end < text.size(); --n) end = skip(end);
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

// CAIRN_JIEBA: the folder of the installed package jieba; its words are then used for Chinese.
std::shared_ptr<const ChineseWords> installed_jieba(const fs::path& folder) {
  const char* jieba = std::getenv("CAIRN_JIEBA");
  if (jieba == nullptr) return nullptr;
  fs::copy_file(fs::path(jieba) / "dict.txt", folder / "dict.txt");
  for (const char* name : {"prob_start.py", "prob_trans.py", "prob_emit.py"})
    fs::copy_file(fs::path(jieba) / "finalseg" / name, folder / name);
  return std::make_shared<const ChineseWords>(folder);
}

// CAIRN_THAI_WORDS: words_th.txt of the installed package pythainlp.
std::shared_ptr<const ThaiWords> installed_thai_words() {
  const char* file = std::getenv("CAIRN_THAI_WORDS");
  return file == nullptr ? nullptr : std::make_shared<const ThaiWords>(fs::path(file));
}

// CAIRN_SUDACHI: a folder of the files that JapaneseWords names.
std::shared_ptr<const JapaneseWords> installed_sudachi() {
  const char* folder = std::getenv("CAIRN_SUDACHI");
  return folder == nullptr ? nullptr : std::make_shared<const JapaneseWords>(fs::path(folder));
}

FineWeb2Filter filter_of(const fs::path& folder, std::shared_ptr<const ChineseWords> chinese = nullptr,
                         std::shared_ptr<const ThaiWords> thai = nullptr,
                         std::shared_ptr<const JapaneseWords> japanese = nullptr) {
  FineWeb2Params params;
  params.chinese = std::move(chinese);
  params.thai = std::move(thai);
  params.japanese = std::move(japanese);
  for (const fs::directory_entry& file : fs::directory_iterator(folder))
    params.thresholds.emplace(file.path().stem().string(),
                              read_fineweb2_thresholds(read_file(file.path()), file.path().string()));
  return FineWeb2Filter(params);
}

std::string words(const std::string& text, std::string_view language) {
  std::vector<std::string_view> found;
  split_words_of(text, language, found);
  std::string joined;
  for (const std::string_view word : found) joined += (joined.empty() ? "" : "|") + std::string(word);
  return joined;
}

const char* kThresholds = R"(
dup_line_frac: 0.3
dup_n_grams: [[5, 0.14]]
language_score: 0.8
line_punct_thr: 0.1
max_avg_word_length: 15
max_non_alpha_words_ratio: 0.7
min_avg_word_length: 2
new_line_ratio: 0.2
stopwords: [der, und]
top_n_grams: [[2, 0.2]]
)";

}  // namespace

TEST_CASE("fineweb2: decides as datatrove does with the tokenizers of each language") {
  REQUIRE_SHARED(shared);
  const Json golden = read_json(test::source_folder() / "tests/golden/fineweb2/decisions.json");
  test::TemporaryFolder folder;
  const std::shared_ptr<const ChineseWords> jieba = installed_jieba(folder.path());
  const std::shared_ptr<const ThaiWords> thai = installed_thai_words();
  const std::shared_ptr<const JapaneseWords> sudachi = installed_sudachi();
  const FineWeb2Filter filter = filter_of(shared / "data/fineweb2", jieba, thai, sudachi);
  std::map<std::string, std::vector<std::string>> files;
  struct Count {
    int texts = 0, other_decision = 0, other_rule = 0, with_their_words = 0;
  };
  std::map<std::string, Count> counts;
  Count all, spaced;
  for (const Json& row : golden["texts"]) {
    const std::string language = row[0].get<std::string>(), file = row[1].get<std::string>();
    if (!files.contains(file)) files[file] = lines_of(shared / "data" / file);
    const auto lines = row[2].get<std::size_t>(), index = row[3].get<std::size_t>();
    REQUIRE(files[file].size() >= (index + 1) * lines);
    Document document;
    document.language = language_of_label(language);
    document.text = worse(
        {files[file].begin() + static_cast<long>(index * lines), files[file].begin() + static_cast<long>((index + 1) * lines)},
        row[4].get<int>());
    std::string expected;
    for (int column = 5; column < 8 && expected.empty(); ++column) expected = row[column].get<std::string>();
    if (expected.starts_with("gopher_")) expected = expected.substr(7);
    TextAnalysis analysis(document.text);
    const std::string rule = filter.judge(document, analysis).rule;
    const bool unspaced = language == "jpn_Jpan" || language == "cmn_Hani" || language == "tha_Thai";
    std::string same_words = rule;
    if (row.size() > 9) {
      TextAnalysis theirs(document.text, words_of_lengths(document.text, row[9].get<std::string>()));
      same_words = filter.judge_words(document, theirs).rule;
      all.with_their_words += same_words != expected;
      if ((jieba && language == "cmn_Hani") || (thai && language == "tha_Thai") || (sudachi && language == "jpn_Jpan")) {
        std::vector<std::string_view> found;
        if (language == "cmn_Hani")
          jieba->split(document.text, found);
        else if (language == "tha_Thai")
          thai->split(document.text, found);
        else
          sudachi->split(document.text, found);
        CHECK_MESSAGE(found == words_of_lengths(document.text, row[9].get<std::string>()), document.text);
      }
    }
    for (Count* count : {&counts[language], &all, unspaced ? nullptr : &spaced}) {
      if (count == nullptr) continue;
      ++count->texts;
      count->other_decision += rule.empty() != expected.empty();
      count->other_rule += rule != expected;
    }
    if (rule != expected)
      MESSAGE(
          fmt::format("{} {} text {} way {}: '{}', datatrove '{}'", language, file, index, row[4].get<int>(), rule, expected));
  }
  for (const auto& [language, count] : counts)
    MESSAGE(fmt::format("{}: {} texts, {} decided otherwise, {} by another rule", language, count.texts, count.other_decision,
                        count.other_rule));
  MESSAGE(fmt::format("all: {} of {} decided otherwise; languages with spaces: {} of {}", all.other_decision, all.texts,
                      spaced.other_decision, spaced.texts));
  CHECK(all.texts == 1276);
  CHECK(spaced.other_decision == 0);
  // What is left comes from dictionaries: with datatrove's own words each of these decisions and rules is datatrove's.
  CHECK(all.with_their_words == 0);
  CHECK(all.other_decision * 100 <= all.texts);
  if (jieba) CHECK(counts["cmn_Hani"].other_rule == 0);
  if (thai) CHECK(counts["tha_Thai"].other_rule == 0);
  if (sudachi) CHECK(counts["jpn_Jpan"].other_rule == 0);
}

TEST_CASE("words of languages: hyphens, apostrophes, abbreviations") {
  CHECK(words("L'homme qu'il n'aime pas, dit-il aujourd'hui.", "fr") == "L'|homme|qu'|il|n'|aime|pas|,|dit|-il|aujourd'hui|.");
  CHECK(words("un demi-tour Paris-Lyon", "fr") == "un|demi-tour|Paris|-|Lyon");
  CHECK(words("Tut ils umans, l'uffant", "rm") == "Tut|ils|umans|,|l'|uffant");
  CHECK(words("L'uomo dell'anno \xc3\xa8 un po' stanco.", "it") == "L'|uomo|dell'|anno|\xc3\xa8|un|po'|stanco|.");
  CHECK(words("Die Ost-West-Frage z.B. am 3. Mai, d'L\xc3\xbct", "gsw") == "Die|Ost-West-Frage|z.B.|am|3.|Mai|,|d'L\xc3\xbct");
  CHECK(words("you don't say", "en") == "you|do|n't|say");
  CHECK(words("you don't say", "nl") == "you|don't|say");
  CHECK(words("\xe0\xa4\x95-\xe0\xa4\x96\xe0\xa5\xa4 1,000", "hi") == "\xe0\xa4\x95|-|\xe0\xa4\x96|\xe0\xa5\xa4|1,000");
  // Scripts without spaces: by dictionary, digits and Latin letters between as elsewhere.
  const std::string japanese = words(
      "\xe5\x90\xbe\xe8\xbc\xa9\xe3\x81\xaf\xe7\x8c\xab\xe3\x81\xa7\xe3\x81\x82\xe3\x82\x8b\xe3\x80\x82"
      "ABC 12",
      "ja");
  CHECK(japanese.starts_with("\xe5\x90\xbe\xe8\xbc\xa9|\xe3\x81\xaf|\xe7\x8c\xab|"));
  CHECK(japanese.ends_with("|\xe3\x80\x82|ABC|12"));
  CHECK(language_words_version().starts_with("3.1, ICU "));
}

TEST_CASE("fineweb2: language scores, languages without a file, overrides") {
  test::TemporaryFolder folder;
  real_disk().create(folder.path() / "deu_Latn.yml")->write(kThresholds);
  const auto made = [&](const Json& more) {
    Json config = {{"filter", "fineweb2"}, {"file", folder.path().string()}};
    config.update(more);
    return FineWeb2Filter::make(
        Config(list(tagged("filter", {FineWeb2Filter::variant()})).complete(Json::array({config}), "config")[0]),
        {folder.path()});
  };
  Document document;
  document.language = "de";
  for (int i = 0; i < 60; ++i)
    document.text += fmt::format("Wort{} {} Hund{} ", i, i % 20 == 3 ? "und" : i % 20 == 9 ? "der" : "Tor", i * i);
  document.text += ".";
  const auto rule = [&](const std::unique_ptr<Filter>& filter) {
    TextAnalysis analysis(document.text);
    return filter->judge(document, analysis).rule;
  };
  CHECK(rule(made(Json::object())) == "");
  document.scores = {{"language", 0.79}};
  CHECK(rule(made(Json::object())) == "language_score");
  document.scores = {{"language", 0.8}};
  CHECK(rule(made(Json::object())) == "");
  CHECK(rule(made({{"overrides", {{"de", {{"language_score", 0.9}}}}}})) == "language_score");
  CHECK(rule(made({{"overrides", {{"deu_Latn", {{"max_avg_word_length", 3}}}}}})) == "above_avg_threshold");
  document.language = "nl";
  CHECK(rule(made(Json::object())) == "");
  CHECK(rule(made({{"others", "drop"}})) == "no_thresholds");
  CHECK(error_of([&] {
          made({{"overrides", {{"nl", {{"language_score", 0.9}}}}}});
        }).find("there is no nld_Latn.yml in") != std::string::npos);
}

TEST_CASE("fineweb2: files with other than thresholds are told by name and field") {
  const auto refusal = [](const std::string& yaml) { return error_of([&] { read_fineweb2_thresholds(yaml, "x.yml"); }); };
  CHECK(refusal(kThresholds) == "");
  CHECK(refusal(replaced(kThresholds, "language_score: 0.8", "language_score: high")) ==
        "x.yml: language_score: expected a number from 0 to 1");
  CHECK(refusal(replaced(kThresholds, "language_score: 0.8", "language_score: .nan")) ==
        "x.yml: language_score: expected a number from 0 to 1");
  CHECK(refusal(replaced(kThresholds, "new_line_ratio: 0.2\n", "")) == "x.yml: new_line_ratio is missing");
  CHECK(refusal(replaced(kThresholds, "[[5, 0.14]]", "[[500, 0.14]]")) ==
        "x.yml: dup_n_grams: expected pairs of a length from 1 to 50 and a share");
  CHECK(refusal(replaced(kThresholds, "[der, und]", "der")) == "x.yml: stopwords: expected a list");
  CHECK(refusal("a: [").starts_with("x.yml: line "));
  CHECK(refusal("- 1") == "x.yml: expected thresholds by name");
}
