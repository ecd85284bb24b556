#include "engine/infer/text_stream.h"

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
