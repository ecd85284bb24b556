#include "engine/text/tokenizer_measure.h"

#include "base/disk.h"
#include "base/json.h"
#include "tests/support/test.h"

namespace cairn::text {

TEST_CASE("tokenizer measure: words are ICU's, of scripts without spaces by its dictionaries") {
  CHECK(count_words("") == 0);
  CHECK(count_words("The cat's 3.5 mats -- don't!") == 5);
  CHECK(count_words("ภาษาไทย") == 2);
  CHECK(count_words("日本語") >= 1);
}

TEST_CASE("tokenizer measure: Gini of equal values is 0, of one that has all of n it is 1 - 1/n") {
  CHECK(gini_coefficient({}) == 0);
  CHECK(gini_coefficient({3}) == 0);
  CHECK(gini_coefficient({2, 2, 2}) == doctest::Approx(0));
  CHECK(gini_coefficient({0, 0, 0, 8}) == doctest::Approx(0.75));
  CHECK(gini_coefficient({1, 3}) == doctest::Approx(0.25));  // |1 - 3| twice, over 2 * 4 pairs * mean 2
  CHECK(gini_coefficient({0, 0}) == 0);
}

TEST_CASE("tokenizer measure: sums by language, the same on any number of threads") {
  const Json cases = read_json(test::source_folder() / "tests/golden/tokenizer/cases.json");
  const Tokenizer tokenizer = Tokenizer::from_json(cases["cases"][0]["tokenizer"], "t");
  const std::vector<LabelledText> texts = {{"en", "the cat"}, {"de", "die Katze"}, {"en", "the the"}};
  ThreadPool one(1), three(3);
  const TokenizerMeasure measure = measure_tokenizer(tokenizer, texts, false, one);
  REQUIRE(measure.languages.size() == 2);
  CHECK(measure.languages[0].language == "de");
  CHECK(measure.languages[1].words == 4);
  CHECK(measure.languages[1].bytes == 14);
  CHECK(measure.all.tokens == measure.languages[0].tokens + measure.languages[1].tokens);
  CHECK(measure.languages[0].tokens == static_cast<std::int64_t>(tokenizer.encode("die Katze").size()));
  CHECK(measure.worst == "de");
  CHECK(measure.best == "en");
  CHECK(measure.used > 3);
  CHECK(measure.used <= measure.all.tokens);
  CHECK(measure.gini > 0);
  CHECK(measure_tokenizer(tokenizer, texts, false, three).gini == measure.gini);
}

}  // namespace cairn::text
