#include "engine/data/filters/paragraph_dedup.h"

#include <map>
#include <set>

#include <fmt/format.h>

#include "engine/data/characters.h"
#include "tests/engine/data/deduplicate.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::Deduplicated;
using cairn::test::text_document;

namespace {

std::string parts_of(std::string_view text, bool lines) {
  std::string all;
  for (const TextPart& part : text_parts(text, lines)) all += fmt::format("[{}]", text.substr(part.begin, part.end - part.begin));
  return all;
}

ParagraphDedupParams params_of(bool lines, std::size_t min_bytes = 1, std::int64_t copies = 1, double drop_share = 1) {
  ParagraphDedupParams p;
  p.lines = lines;
  p.min_bytes = min_bytes;
  p.copies = copies;
  p.drop_share = drop_share;
  return p;
}

std::vector<std::string> texts_after(const Deduplicated& found) {
  std::vector<std::string> texts;
  for (const DedupRow& row : found.rows) texts.push_back(row.removal ? "-" : text_after(row));
  return texts;
}

}  // namespace

TEST_CASE("paragraphs and lines of a text") {
  CHECK(parts_of("a\nb\n\nc", false) == "[a\nb][c]");
  CHECK(parts_of("\n \na\r\n\t\n\n b \n", false) == "[a\r][ b ]");
  CHECK(parts_of("a\nb\n\nc", true) == "[a][b][c]");
  CHECK(parts_of("", false) == "");
  CHECK(parts_of("\n\n \n", true) == "");
}

TEST_CASE("paragraph dedup: the first copies stay, others go with the line ends behind them") {
  const std::vector<Document> documents = {text_document("one\n\ntwo\n\none\n", "a"), text_document("two\n\nthree", "b"),
                                           text_document("four\n\n two \n", "c"), text_document("one\n\n\ntwo", "d")};
  const Deduplicated once(ParagraphDedup(params_of(false)), documents);
  CHECK(texts_after(once) == std::vector<std::string>{"one\n\ntwo", "three", "four", "-"});
  CHECK(once.story() ==
        "0: 1 paragraph, 6 bytes; paragraph_dedup: bytes 8-14 (first in a)\n"
        "1: 1 paragraph, 5 bytes; paragraph_dedup: bytes 0-5 (first in a)\n"
        "2: 1 paragraph, 8 bytes; paragraph_dedup: bytes 4-12 (first in a)\n"
        "3: repeated, 100% of its bytes are paragraphs that stand elsewhere, first in a\n");
  CHECK(once.removed() == "3<0");
  CHECK(texts_after(Deduplicated(ParagraphDedup(params_of(false, 1, 2)), documents)) ==
        std::vector<std::string>{"one\n\ntwo\n\none\n", "two\n\nthree", "four", "-"});
  CHECK(texts_after(Deduplicated(ParagraphDedup(params_of(false, 1, 0)), documents)) ==
        std::vector<std::string>{"-", "three", "four", "-"});
  CHECK(texts_after(Deduplicated(ParagraphDedup(params_of(false, 4)), documents)) ==
        std::vector<std::string>{"one\n\ntwo\n\none\n", "two\n\nthree", "four\n\n two \n", "one\n\n\ntwo"});
  CHECK(texts_after(Deduplicated(ParagraphDedup(params_of(false, 1, 1, 0.5)), documents)) ==
        std::vector<std::string>{"one\n\ntwo", "-", "-", "-"});
  // Documents that are out do not count.
  CHECK(texts_after(Deduplicated(ParagraphDedup(params_of(false)), documents, 2, 1000, {0}))[1] == "two\n\nthree");
}

TEST_CASE("paragraph dedup: simplified, texts are the same that differ in case, numbers and punctuation") {
  ParagraphDedupParams p = params_of(true);
  const std::vector<Document> documents = {text_document("Page 3 of 12\n----\nText."),
                                           text_document("page 4 of 12!\n====\nMore text.")};
  CHECK(texts_after(Deduplicated(ParagraphDedup(p), documents))[1] == documents[1].text);
  p.simplified = true;
  CHECK(texts_after(Deduplicated(ParagraphDedup(p), documents))[1] == "====\nMore text.");
}

TEST_CASE("paragraph dedup: equals a look at every pair, with any memory and threads") {
  std::vector<Document> documents;
  std::uint64_t state = 7;
  const auto draw = [&](std::uint64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % below;
  };
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (std::uint64_t lines = draw(12); lines-- > 0;)
      text += fmt::format("line {}{}", draw(400) * draw(3), draw(4) == 0 ? "\n\n" : "\n");
    documents.push_back(text_document(text, fmt::format("{}", i)));
  }
  for (const bool lines : {false, true}) {
    for (const std::int64_t copies : {0, 1, 3}) {
      // Reference: how often each part has been seen, one after the other.
      std::map<std::string, int> all, seen;
      for (const bool counting : {true, false}) {
        std::string expected, found;
        for (const Document& document : documents) {
          for (const TextPart& part : text_parts(document.text, lines)) {
            const std::string text(strip(std::string_view(document.text).substr(part.begin, part.end - part.begin)));
            if (counting)
              ++all[text];
            else if (copies == 0 ? all[text] < 2 : ++seen[text] <= copies)
              expected += text + "\n";
          }
        }
        if (counting) continue;
        std::string story;
        for (const int threads : {1, 3}) {
          for (const std::uint64_t memory : {0, 1'000'000}) {
            const Deduplicated result(ParagraphDedup(params_of(lines, 1, copies)), documents, threads, memory);
            found.clear();
            for (const DedupRow& row : result.rows) {
              const std::string after = row.removal ? "" : text_after(row);
              for (const TextPart& part : text_parts(after, lines))
                found += std::string(strip(std::string_view(after).substr(part.begin, part.end - part.begin))) + "\n";
            }
            CHECK(found == expected);
            if (story.empty()) story = result.story();
            CHECK(result.story() == story);
          }
        }
      }
    }
  }
}
