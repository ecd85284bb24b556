// The filter `language`, the names of languages, and scores that stay with documents.
#include "engine/data/filters/language.h"

#include <fmt/format.h>

#include "engine/data/curate.h"
#include "engine/data/decisions.h"
#include "engine/data/language_codes.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;
using cairn::test::StepRun;
using cairn::test::TemporaryFolder;

namespace {

const std::string kEnglish = "the tide came in slowly that evening and nobody on pier had expected the boat";
const std::string kGerman = "die Flut kam an jenem Abend langsam und niemand auf dem Steg hatte das Boot erwartet";
const std::string kFrench =
    "la mar\xc3\xa9"
    "e montait lentement ce soir et personne sur la jet\xc3\xa9"
    "e ne croyait voir revenir le bateau";

// Labels as GlotLID's, trained on sentences of these words (tests/golden/fasttext).
fs::path model() {
  return test::source_folder() / "tests/golden/fasttext/softmax.bin";
}

Judgement judge(const LanguageFilter& filter, const std::string& text, const std::string& declared = "und") {
  Document document;
  document.text = text;
  document.language = declared;
  TextAnalysis analysis(document.text);
  return filter.judge(document, analysis);
}

}  // namespace

TEST_CASE("names of languages: what models say and what documents have, both ways") {
  CHECK(language_of_label("__label__en") == "en");
  CHECK(language_of_label("__label__eng_Latn") == "en");
  CHECK(language_of_label("__label__gsw_Latn") == "gsw");
  CHECK(language_of_label("__label__als") == "gsw");
  CHECK(language_of_label("__label__als_Latn") == "sq");
  CHECK(language_of_label("roh_Latn") == "rm");
  CHECK(language_of_label("srp_Latn") == "sr-latn");
  CHECK(language_of_label("srp_Cyrl") == "sr");
  CHECK(language_of_label("cmn_Hani") == "zh");
  CHECK(language_of_label("zho") == "zh");
  CHECK(language_of_label("mni_Beng") == "mni-beng");
  CHECK(language_of_label("de") == "de");
  CHECK(label_of_language("de") == "deu_Latn");
  CHECK(label_of_language("de-ch") == "deu_Latn");
  CHECK(label_of_language("gsw") == "gsw_Latn");
  CHECK(label_of_language("zh-cn") == "cmn_Hani");
  CHECK(label_of_language("sr-latn") == "srp_Latn");
  CHECK(label_of_language("mni-beng") == "mni_Beng");
  CHECK(label_of_language("ar") == "arb_Arab");
  CHECK(label_of_language("no") == "nob_Latn");
  for (const char* label :
       {"deu_Latn", "jpn_Jpan", "tha_Thai", "swh_Latn", "hin_Deva", "roh_Latn", "rus_Cyrl", "uzn_Latn", "ekk_Latn"})
    CHECK(label_of_language(language_of_label(label)) == label);
}

TEST_CASE("language: records language and score, drops what is uncertain or not wanted, tells what was declared") {
  const LanguageFilter filter({}, model());
  const Judgement german = judge(filter, kGerman, "en");
  CHECK(german.action == Judgement::Action::keep);
  CHECK(german.language == "de");
  REQUIRE(german.scores.size() == 1);
  CHECK(german.scores[0].name == "language");
  CHECK(german.scores[0].value == doctest::Approx(0.9).epsilon(0.01));
  CHECK(german.evidence.starts_with("de 0.8"));
  CHECK(german.evidence.ends_with("(declared 'en')"));
  CHECK(judge(filter, kEnglish, "en").evidence.find("declared") == std::string::npos);

  LanguageParams params;
  params.min_scores = {{"de", 1.0}};
  params.allow = {"de", "fr"};
  params.min_score = 0.2;
  const LanguageFilter strict(params, model());
  CHECK(judge(strict, kGerman).rule == "low_score");
  CHECK(judge(strict, kGerman).reason.ends_with(", at least 1 wanted"));
  CHECK(judge(strict, kGerman).language == "de");  // dropped documents are counted under their language too
  CHECK(judge(strict, kFrench).action == Judgement::Action::keep);
  CHECK(judge(strict, kEnglish).rule == "not_allowed");
  CHECK(judge(strict, kEnglish).reason == "its language is 'en', which is not on the list");
}

TEST_CASE("language: a text that tells nothing is dropped as such") {
  // 260 labels, of which none has a share of 0.01 for a text without a known word.
  const LanguageFilter filter({}, test::source_folder() / "tests/golden/fasttext/qout.ftz");
  CHECK(judge(filter, "\xe2\x98\x83", "en").rule == "unknown");
  CHECK(judge(filter, "\xe2\x98\x83", "en").language == "und");
}

TEST_CASE("language: names that the model does not have are told") {
  LanguageParams params;
  params.allow = {"nl"};
  CHECK(error_of([&] { LanguageFilter(params, model()); }).find("knows no language 'nl'") != std::string::npos);
  params.allow.clear();
  params.min_scores = {{"xx", 0.5}};
  CHECK(error_of([&] { LanguageFilter(params, model()); }).starts_with("language.min_scores: "));
}

TEST_CASE("language: the UDHR texts of 35 languages under lid.176.ftz") {
  REQUIRE_SHARED(shared);
  LanguageParams params;
  params.min_score = 0;
  const LanguageFilter filter(params, shared / "data/langid/lid.176.ftz");
  const std::map<std::string, std::string> expected = {
      {"udhr_deu_1996.xml", "de"},  {"udhr_fra.xml", "fr"}, {"udhr_ita.xml", "it"},
      {"udhr_eng.xml", "en"},       {"udhr_jpn.xml", "ja"}, {"udhr_arb.xml", "ar"},
      {"udhr_roh_rumgr.xml", "rm"}, {"udhr_tha.xml", "th"}, {"udhr_cmn_hans.xml", "zh"}};
  for (const auto& [name, language] : expected) {
    const std::string xml = read_file(shared / "data/udhr" / name);
    std::string text;
    for (std::size_t at = xml.find("<para>"); at != std::string::npos; at = xml.find("<para>", at)) {
      at += 6;
      text += xml.substr(at, xml.find("</para>", at) - at) + "\n";
    }
    CHECK(judge(filter, text).language == language);
  }
}

TEST_CASE("curate: language and score go with the document, into its decision and through later stages; the model is an input") {
  TemporaryFolder folder;
  {
    DocumentWriter writer(real_disk(), folder.path() / "in");
    int i = 0;
    for (const std::string& text : {kEnglish, kGerman, kFrench, kGerman}) {
      Document document{document_id(text), text, "s", fmt::format("u{}", i++), "MIT", "und", "2024-01-01T00:00:00Z"};
      if (i == 1) document.scores = {{"given", 0.25}};
      writer.append(document);
    }
    writer.finish();
  }
  const Json config = {{"filters",
                        {{{"filter", "language"}, {"file", model().string()}, {"allow", {"deu_Latn", "en"}}},
                         {{"filter", "exact_dedup"}},
                         {{"filter", "pii"}}}}};
  StepRun run(kCurate, config);
  run.input("documents", folder.path() / "in").run();
  DocumentReader reader(run.output("documents"));
  std::map<std::string, Document> kept;
  for (Document document; reader.next(document);) kept[document.url] = document;
  REQUIRE(kept.size() == 2);
  CHECK(kept["u0"].language == "en");
  REQUIRE(kept["u0"].scores.size() == 2);
  CHECK(kept["u0"].scores[0] == Score{"given", 0.25});
  CHECK(kept["u0"].scores[1].name == "language");
  CHECK(kept["u1"].language == "de");
  CHECK(kept["u1"].scores[0].value > 0.8);
  const Decisions decisions(run.output("decisions"));
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const Decision d = decisions.at(i);
    CHECK(d.evidence.starts_with("language: " + d.language + " 0."));
    if (d.url == "u2") CHECK(d.rule == "not_allowed");
  }
  const std::vector<steps::External> externals = kCurate.externals(Config(kCurate.config.complete(config, "config")));
  REQUIRE(externals.size() == 1);
  CHECK(externals[0].path == model().string());
}

TEST_CASE("documents: scores are numbers of the metadata, of other makers' files too") {
  Document document;
  parse_document_line(
      R"({"text": "x", "quality_score": 3, "metadata": {"language": "de", "language_score": 9.5e-1, "my_score": "high", "_score": 1}})",
      document);
  REQUIRE(document.scores.size() == 2);
  CHECK(document.scores[0] == Score{"language", 0.95});
  CHECK(document.scores[1] == Score{"quality", 3});
  std::string line;
  append_document_line(line, document);
  CHECK(line.find("\"language_score\":0.95,\"quality_score\":3}}") != std::string::npos);
  CHECK(error_of([&] { parse_document_line(R"({"text": "x", "a_score": 1e999})", document); }) ==
        "column 26: the number is out of range");
}
