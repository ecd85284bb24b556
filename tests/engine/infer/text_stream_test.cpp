#include "engine/infer/text_stream.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/text/unicode.h"
#include "tests/support/test.h"

using cairn::infer::TextStream;

TEST_CASE("text stream: a character is shown once it is whole") {
  TextStream stream({});
  CHECK(stream.feed("a\xC3") == "a");
  CHECK(stream.feed("\xA9") == "é");
  CHECK(stream.feed("\xF0\x9F\x98") == "");
  CHECK(stream.feed("\x80!") == "\xF0\x9F\x98\x80!");
  CHECK(stream.feed("\xE2\x82") == "");
  CHECK(stream.finish() == "\xEF\xBF\xBD");
}

TEST_CASE("text stream: bytes that are no UTF-8 become U+FFFD, however they are cut, as in the whole text") {
  const std::string bytes =
      "a\xFF"
      "b\xE2\x82"
      "c\x80\xED\xA0\x80\xF4\x90\x80\x80\xC0\xAF"
      "é\xF0\x9F\x98";
  const std::string whole = cairn::text::utf8_lossy(bytes);
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    TextStream stream({"no such"});
    std::string shown;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      const std::string piece = stream.feed(std::string_view(bytes).substr(at, step));
      CHECK(cairn::text::valid_utf8_prefix(piece) == piece.size());
      shown += piece;
    }
    shown += stream.finish();
    CHECK_MESSAGE(shown == whole, "in pieces of ", step);
    CHECK(stream.text() == whole);
  }
}

TEST_CASE("text stream: nothing of a stop string is ever shown") {
  TextStream stream({"END", "\n\n"});
  CHECK(stream.feed("x E") == "x ");
  CHECK(stream.feed("N") == "");
  CHECK(stream.feed("Q") == "ENQ");
  CHECK(stream.feed("y\n") == "y");
  CHECK(stream.feed("\nz") == "");
  CHECK(stream.stopped());
  CHECK(stream.stop() == "\n\n");
  CHECK(stream.text() == "x ENQy");
  CHECK(stream.feed("more") == "");
  CHECK(stream.finish() == "");
}

TEST_CASE("text stream: the earliest of several stop strings wins") {
  TextStream stream({"cd", "bc", ""});
  CHECK(stream.feed("abcd") == "a");
  CHECK(stream.stop() == "bc");
}

TEST_CASE("text stream: what was held back is shown at the end") {
  TextStream stream({"stop"});
  CHECK(stream.feed("to st") == "to ");
  CHECK(stream.finish() == "st");
  CHECK(stream.text() == "to st");
}

TEST_CASE("text stream: what is shown is all that no stop string can begin in, for any texts and cuts") {
  const cairn::Random random(5, "stop strings");
  std::uint64_t drawn = 0;
  const auto below = [&](std::uint64_t n) { return random.below(drawn++, n); };
  const auto letters = [&](std::uint64_t least, std::uint64_t most) {
    std::string text;
    for (std::uint64_t n = least + below(most - least + 1); n > 0; --n) text += "ab"[below(2)];
    return text;
  };
  int stopped = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> stops;
    for (std::uint64_t n = below(4); n > 0; --n) stops.push_back(letters(1, 7));
    TextStream stream(stops);
    std::string text, shown;
    while (text.size() < 40 && !stream.stopped()) {
      const std::string piece = letters(0, 5);
      text += piece;
      shown += stream.feed(piece);
      std::size_t first = std::string::npos, held = 0;
      std::string which;
      for (const std::string& stop : stops) {
        if (const std::size_t at = text.find(stop); at < first) first = at, which = stop;
        for (std::size_t length = 1; length < stop.size(); ++length) {
          if (text.size() >= length && text.substr(text.size() - length) == stop.substr(0, length)) held = std::max(held, length);
        }
      }
      REQUIRE(stream.stopped() == (first != std::string::npos));
      REQUIRE(shown == text.substr(0, stream.stopped() ? first : text.size() - held));
      if (stream.stopped()) REQUIRE(stream.stop() == which);
    }
    stopped += stream.stopped();
  }
  CHECK(stopped > 1000);
}

TEST_CASE("text stream: stop strings that nearly match at every byte cost a step for each") {
  std::vector<std::string> stops(64, std::string(500, 'a') + "b" + std::string(400, 'a'));
  stops[0] = std::string(999, 'a') + "b";  // holds back so much that the others look at it again and again
  TextStream stream(stops);
  std::string shown;
  for (int i = 0; i < 100'000; ++i) shown += stream.feed("a");
  CHECK(shown.size() == 100'000 - 999);
}
