// Models of classifiers and files of thresholds, which come from anywhere.
#include "base/disk.h"
#include "base/hash.h"
#include "base/json.h"
#include "engine/data/chinese_words.h"
#include "engine/data/classifiers/fasttext.h"
#include "engine/data/document.h"
#include "engine/data/filters/fineweb2.h"
#include "engine/data/japanese/japanese_words.h"
#include "engine/data/language_words.h"
#include "engine/data/thai_words.h"
#include "engine/text/unicode.h"
#include "tests/fuzz/fuzz.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::feed;
using cairn::test::fuzz_rounds;

TEST_CASE("fuzz: fastText models") {
  std::vector<std::string> models;
  for (const char* name : {"softmax.bin", "hs.bin", "ova.bin", "softmax.ftz", "hs_pruned.ftz", "qout.ftz"})
    models.push_back(read_file(test::source_folder() / "tests/golden/fasttext" / name));
  // Most changes fall into the matrices: half of the inputs are a model's first bytes, which hold its claims, changed alone.
  feed("fasttext", models, fuzz_rounds(), [](const std::string& bytes) {
    const FastTextModel model(bytes, "m");
    for (const char* text : {"the tide came in", "\xe6\xbd\xae \xff\xc3\xa9", ""}) model.predict(text, 5);
  });
  test::Mutator mutator("fasttext-head");
  for (int round = 0; round < fuzz_rounds(); ++round) {
    const std::string& model = models[static_cast<std::size_t>(round) % models.size()];
    const std::string bytes = mutator.mutate(model.substr(0, 92)) + model.substr(92);
    try {
      FastTextModel(bytes, "m").predict("the tide came in \xe6\xbd\xae", 5);
    } catch (const Error&) {
    }
  }
}

TEST_CASE("fuzz: FineWeb-2's thresholds, scores in documents, words of languages") {
  feed("fineweb2",
       {"dup_line_frac: 0.3\ndup_n_grams:\n- - 5\n  - 0.14\nlanguage_score: 0.8\nline_punct_thr: 0.1\nmax_avg_word_length: 15\n"
        "max_non_alpha_words_ratio: 0.7\nmin_avg_word_length: 2\nnew_line_ratio: 0.2\nstopwords: [der, "
        "\"f\\xFCr\"]\ntop_n_grams: [[2, 0.2]]\n"},
       fuzz_rounds(1000), [](const std::string& bytes) { read_fineweb2_thresholds(bytes, "x.yml"); });
  feed("scores", {R"({"text": "x", "metadata": {"language_score": 0.98, "quality_score": -1.5e-3}})"}, fuzz_rounds(),
       [](const std::string& bytes) {
         Document document;
         parse_document_line(bytes, document);
         std::string line;
         append_document_line(line, document);
         Document again;
         parse_document_line(line, again);
         CHECK(again.scores == document.scores);
       });
  const std::string prose =
      "L'homme dit-il qu'aujourd'hui po' z.B. 3,5km d'L\xc3\xbct Ost-West \xe5\x90\xbe\xe8\xbc\xa9\xe3\x81\xaf\xe7\x8c\xab "
      "\xe0\xb8\xa1\xe0\xb8\x99\xe0\xb8\xb8\xe0\xb8\xa9\xe0\xb8\xa2\xe0\xb9\x8c \xe0\xa4\x95-\xe0\xa4\x96\xe0\xa5\xa4 1,000";
  feed("words", {prose, ""}, fuzz_rounds(1000), [](const std::string& bytes) {
    const std::string text = text::utf8_lossy(bytes);
    for (const char* language : {"fr", "it", "de", "hi", "ja", "th", "zh", "xx"}) {
      std::vector<std::string_view> words;
      split_words_of(text, language, words);
      for (const std::string_view word : words) {
        CHECK(!word.empty());
        CHECK(text::valid_utf8_prefix(word) == word.size());
      }
    }
  });
}

TEST_CASE("fuzz: dictionaries and models of Chinese words, and texts") {
  const Json golden = read_json(test::source_folder() / "tests/golden/fineweb2/chinese.json");
  ChineseWords::Files files;
  for (const Json& line : golden["dictionary"]) files.dictionary += line.get<std::string>() + "\n";
  for (const auto& [part, text] :
       {std::pair{"start", &files.start}, std::pair{"trans", &files.trans}, std::pair{"emit", &files.emit}}) {
    *text = "P=" + golden["model"][part].dump();
    std::replace(text->begin(), text->end(), '"', '\'');
  }
  std::string prose;
  for (std::size_t i = 0; i < 20; ++i) prose += golden["texts"][i].get<std::string>() + "\n";
  const auto cut = [](const ChineseWords& chinese, const std::string& text) {
    std::vector<std::string_view> words;
    chinese.split(text, words);
    for (const std::string_view word : words) {
      CHECK(!word.empty());
      CHECK(text::valid_utf8_prefix(word) == word.size());
    }
  };
  for (std::string ChineseWords::Files::*part :
       {&ChineseWords::Files::dictionary, &ChineseWords::Files::start, &ChineseWords::Files::trans, &ChineseWords::Files::emit}) {
    feed("chinese", {files.*part}, fuzz_rounds(300), [&](const std::string& bytes) {
      ChineseWords::Files damaged = files;
      damaged.*part = bytes;
      cut(ChineseWords(damaged, "x"), prose);
    });
  }
  const ChineseWords chinese(files, "x");
  feed("chinese texts", {prose, ""}, fuzz_rounds(1000), [&](const std::string& bytes) { cut(chinese, text::utf8_lossy(bytes)); });
}

TEST_CASE("fuzz: dictionaries of Thai words, and texts") {
  const Json golden = read_json(test::source_folder() / "tests/golden/fineweb2/thai.json");
  std::string dictionary, prose;
  for (const Json& word : golden["dictionary"]) dictionary += word.get<std::string>() + "\n";
  for (std::size_t i = 0; i < 20; ++i) prose += golden["texts"][i].get<std::string>() + "\n";
  const auto cut = [](const ThaiWords& thai, const std::string& text) {
    std::vector<std::string_view> words;
    thai.split(text, words);
    for (const std::string_view word : words) {
      CHECK(!word.empty());
      CHECK(text::valid_utf8_prefix(word) == word.size());
    }
  };
  feed("thai", {dictionary}, fuzz_rounds(300), [&](const std::string& bytes) { cut(ThaiWords(bytes, "x"), prose); });
  const ThaiWords thai(dictionary, "x");
  feed("thai texts", {prose, ""}, fuzz_rounds(1000), [&](const std::string& bytes) { cut(thai, text::utf8_lossy(bytes)); });
}

TEST_CASE("fuzz: Sudachi's dictionary and settings, and Japanese texts") {
  const Json golden = read_json(test::source_folder() / "tests/golden/fineweb2/japanese.json");
  const std::string dictionary = base64_decode(golden["dictionary"].get<std::string>());
  const auto text = [&golden](const char* name) { return golden["files"][name].get<std::string>(); };
  const JapaneseWords::Files files{dictionary, text("char.def"), text("unk.def"), text("rewrite.def"), text("sudachi.json")};
  std::string prose;
  for (std::size_t i = 0; i < 20; ++i) prose += golden["texts"][i].get<std::string>() + "\n";
  const auto cut = [](const JapaneseWords& japanese, const std::string& bytes) {
    std::vector<std::string_view> words;
    japanese.split(bytes, words);
    for (const std::string_view word : words) {
      CHECK(!word.empty());
      CHECK(text::valid_utf8_prefix(word) == word.size());
    }
  };
  feed("sudachi dictionary", {dictionary}, fuzz_rounds(300), [&](const std::string& bytes) {
    JapaneseWords::Files damaged = files;
    damaged.dictionary = bytes;
    cut(JapaneseWords(damaged, "x"), prose);
  });
  for (std::string JapaneseWords::Files::*part : {&JapaneseWords::Files::char_def, &JapaneseWords::Files::unk_def,
                                                  &JapaneseWords::Files::rewrite_def, &JapaneseWords::Files::settings}) {
    feed("sudachi settings", {files.*part}, fuzz_rounds(300), [&](const std::string& bytes) {
      JapaneseWords::Files damaged = files;
      damaged.*part = bytes;
      cut(JapaneseWords(damaged, "x"), prose);
    });
  }
  const JapaneseWords japanese(files, "x");
  feed("japanese texts", {prose, ""}, fuzz_rounds(1000),
       [&](const std::string& bytes) { cut(japanese, text::utf8_lossy(bytes)); });
}
