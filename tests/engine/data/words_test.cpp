#include "engine/data/words.h"
#include "engine/data/text_analysis.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/data/characters.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::data;

namespace {

std::string words_of(std::string_view text) {
  std::vector<std::string_view> words;
  split_words(text, words);
  return fmt::format("{}", fmt::join(words, "|"));
}

}  // namespace

TEST_CASE("words: punctuation, contractions, units and addresses, as spaCy splits English") {
  CHECK(words_of("Hello, world! (It's 10km.)") == "Hello|,|world|!|(|It|'s|10|km|.|)");
  CHECK(words_of("don't can't I'll she'd've cannot gonna") == "do|n't|ca|n't|I|'ll|she|'d|'ve|can|not|gon|na");
  CHECK(words_of("see http://www.debian.org/doc/, or ftp.debian.org") == "see|http://www.debian.org/doc/|,|or|ftp.debian.org");
  CHECK(words_of("[the-page](https://a.org/b-c)") == "[|the|-|page](https://a.org|/|b|-|c|)");
  CHECK(words_of("(the end): lvm(8): :-) ok:) a:* x''y (so:") == "(|the|end|):|lvm(8|):|:-)|ok|:)|a|:*|x''y|(|so|:");
  CHECK(words_of("well-known and/or either/or a=b x--y") == "well|-|known|and/or|either|/|or|a|=|b|x|--|y");
  CHECK(words_of("U.S. e.g. etc. Mr. Smith...") == "U.S.|e.g.|etc|.|Mr.|Smith|...");
  CHECK(words_of("\"quoted\" \xe2\x80\x98so\xe2\x80\x99 $5 5\xe2\x82\xac 5%") ==
        "\"|quoted|\"|\xe2\x80\x98|so|\xe2\x80\x99|$|5|5|\xe2\x82\xac|5|%");
  CHECK(words_of("32-bit (28-Feb-2021) COVID-19-related x-3") == "32|-|bit|(|28|-|Feb-2021|)|COVID-19|-|related|x-3");
  CHECK(words_of("3-4 apt-get -v +1 5pm 1st") == "3|-|4|apt|-|get|-v|+1|5|pm|1st");
  CHECK(words_of("") == "");
  CHECK(words_of(" \t\n\xc2\xa0\xe3\x80\x80 ") == "");
}

TEST_CASE("words: in scripts without spaces each letter with its marks is a word") {
  CHECK(words_of("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e Debian\xe3\x81\xae") ==
        "\xe6\x97\xa5|\xe6\x9c\xac|\xe8\xaa\x9e|Debian|\xe3\x81\xae");
  CHECK(words_of("\xe0\xb8\x97\xe0\xb8\xb5\xe0\xb9\x88") ==
        "\xe0\xb8\x97\xe0\xb8\xb5\xe0\xb9\x88");  // ที่ : one consonant, two marks
  CHECK(words_of("\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4 \xeb\xac\xb8\xec\x84\x9c") ==
        "\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4|\xeb\xac\xb8\xec\x84\x9c");
  TextAnalysis japanese("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e Debian");
  CHECK(japanese.unspaced_scale() == 2);
  TextAnalysis english("plain words");
  CHECK(english.unspaced_scale() == 1);
}

TEST_CASE("words: sentences end at terminal marks of any script") {
  const auto sentences = [](std::string_view text) {
    std::vector<std::string_view> words;
    split_words(text, words);
    return count_sentences(words);
  };
  CHECK(sentences("One. Two! Three? Four") == 4);
  CHECK(sentences("He said \"no.\" Then he left.") == 2);
  CHECK(sentences("No end here") == 1);
  CHECK(sentences("") == 1);
  CHECK(sentences("\xe4\xb8\x80\xe3\x80\x82\xe4\xba\x8c\xe3\x80\x82") == 2);
}

TEST_CASE("characters: lines and white space as Python sees them") {
  CHECK(split_lines("a\r\nb\rc\n\nd\xe2\x80\xa8"
                    "e\x0b"
                    "f")
            .size() == 7);
  CHECK(split_lines("a\n").size() == 1);
  CHECK(split_lines("").empty());
  CHECK(strip("\xc2\xa0\t x \xe3\x80\x80") == "x");
  CHECK(simplify("Stra\xc3\x9f"
                 "e \xce\x9f\xce\x94\xce\x9f\xce\xa3 \xe2\x85\xa3 \xd9\xa3\xd9\xab\xd9\xa1 I\xcc\x87") ==
        "stra\xc3\x9f"
        "e \xce\xbf\xce\xb4\xce\xbf\xcf\x82 \xe2\x85\xb3 0 i");
  CHECK(simplify("\xed\x95\x9c") == "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab");
  // Nonspacing marks go, those of plane 14 too; as in datatrove after white space was joined.
  CHECK(simplify("a\xf3\xa0\x84\x81"
                 "b, \xcc\x81 c") == "ab  c");
  CHECK(simplify("e\xcc\x81 \xcc\x81") == "e");
}
