// Thai words beside PyThaiNLP: with an invented dictionary (tests/golden/fineweb2/make_thai.py).
#include "engine/data/thai_words.h"

#include "base/disk.h"
#include "base/json.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;

TEST_CASE("thai words: PyThaiNLP's with the same dictionary") {
  const Json golden = read_json(test::source_folder() / "tests/golden/fineweb2/thai.json");
  std::string dictionary = "\xef\xbb\xbf";
  for (const Json& word : golden["dictionary"]) dictionary += word.get<std::string>() + "\r\n";
  const ThaiWords thai(dictionary, "words");
  REQUIRE(golden["texts"].size() > 200);
  for (std::size_t i = 0; i < golden["texts"].size(); ++i) {
    const std::string text = golden["texts"][i].get<std::string>();
    std::vector<std::string_view> words;
    thai.split(text, words);
    CHECK_MESSAGE(Json(words) == golden["words"][i], text);
  }
}

TEST_CASE("thai words: a dictionary that is none is refused, a text of one cluster without end is cut in linear time") {
  CHECK(error_of([] { ThaiWords("", "w.txt"); }) == "w.txt: expected Thai words, one a line");
  CHECK(error_of([] { ThaiWords("a\xff", "w.txt"); }) == "w.txt: byte 1 is not UTF-8");
  const ThaiWords thai("\xe0\xb8\x81\n\xe0\xb8\x81\xe0\xb8\x81\n\xe0\xb8\x81\xe0\xb8\x81\xe0\xb8\x81\n", "w.txt");  // k, kk, kkk
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "\xe0\xb8\x81";
  std::vector<std::string_view> words;
  thai.split(text, words);
  std::size_t bytes = 0;
  for (const std::string_view word : words) bytes += word.size();
  CHECK(bytes == text.size());
}
