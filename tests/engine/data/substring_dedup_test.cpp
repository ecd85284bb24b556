#include "engine/data/filters/substring_dedup.h"

#include <sys/resource.h>

#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "engine/data/suffix_array.h"
#include "tests/engine/data/deduplicate.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::Deduplicated;
using cairn::test::text_document;

namespace {

struct Draw {
  std::uint64_t state = 11;
  std::uint64_t operator()(std::uint64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % below;
  }
};

std::vector<std::uint32_t> sorted_by_comparison(std::string_view text) {
  std::vector<std::uint32_t> positions(text.size());
  std::iota(positions.begin(), positions.end(), 0u);
  std::sort(positions.begin(), positions.end(),
            [text](std::uint32_t x, std::uint32_t y) { return text.substr(x) < text.substr(y); });
  return positions;
}

SubstringDedupParams params_of(std::size_t min_bytes, int copies = 1) {
  SubstringDedupParams p;
  p.min_bytes = min_bytes;
  p.copies = copies;
  return p;
}

std::vector<std::string> texts_after(const Deduplicated& found) {
  std::vector<std::string> texts;
  for (const DedupRow& row : found.rows) texts.push_back(row.removal ? "-" : text_after(row));
  return texts;
}

// What is left, by a look at every window.
std::vector<std::string> reference(const std::vector<Document>& documents, std::size_t window, int copies) {
  std::map<std::string, int> all, seen;
  for (const Document& d : documents) {
    for (std::size_t i = 0; i + window <= d.text.size(); ++i) ++all[d.text.substr(i, window)];
  }
  std::vector<std::string> left;
  for (const Document& d : documents) {
    std::vector<bool> marked(d.text.size());
    for (std::size_t i = 0; i + window <= d.text.size(); ++i) {
      const std::string here = d.text.substr(i, window);
      if (copies == 0 ? all[here] < 2 : ++seen[here] == 1) continue;
      std::fill_n(marked.begin() + static_cast<std::ptrdiff_t>(i), window, true);
    }
    std::string text;
    for (std::size_t i = 0; i < d.text.size(); ++i) {
      if (!marked[i]) text += d.text[i];
    }
    left.push_back(text.find_first_not_of(" \n") == std::string::npos && !d.text.empty() ? "-" : text);
  }
  return left;
}

}  // namespace

TEST_CASE("suffix array: equals sorting by comparison") {
  Draw draw;
  CHECK(suffix_array("").empty());
  CHECK(suffix_array("banana") == std::vector<std::uint32_t>{5, 3, 1, 0, 4, 2});
  for (const std::uint64_t alphabet : {1, 2, 3, 26, 256}) {
    for (std::size_t size = 1; size < 60; ++size) {
      std::string text;
      for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(alphabet == 256 ? draw(256) : 'a' + draw(alphabet));
      REQUIRE(suffix_array(text) == sorted_by_comparison(text));
    }
  }
  // Texts that need the recursion to go deep: squares, Fibonacci words, a repeated sentence.
  std::string fibonacci = "a", before = "b";
  while (fibonacci.size() < 5000) {
    const std::string next = fibonacci + before;
    before = fibonacci;
    fibonacci = next;
  }
  std::string repeated;
  for (int i = 0; i < 300; ++i) repeated += "the tide came in. ";
  for (const std::string& text : {fibonacci, repeated, std::string(3000, 'x'), repeated + fibonacci + repeated})
    CHECK(suffix_array(text) == sorted_by_comparison(text));
}

TEST_CASE("substring dedup: the first place of a passage stays, the others are cut, with their places") {
  const std::string passage = "It is a truth universally acknowledged";
  const std::vector<Document> documents = {text_document("Begins: " + passage + ", that.", "a"),
                                           text_document("Other. " + passage + "!", "b"), text_document(passage, "c"),
                                           text_document("nothing in common with any other", "d")};
  const Deduplicated once(SubstringDedup(params_of(20)), documents);
  CHECK(texts_after(once) == std::vector<std::string>{documents[0].text, "Other.!", "-", documents[3].text});
  CHECK(once.story() ==
        "0: \n1: 1 passage, 39 bytes; substring_dedup: bytes 6-45 (first in a)\n"
        "2: repeated, 100% of its bytes stand elsewhere, in passages of at least 20 bytes, first in a\n3: \n");
  CHECK(texts_after(Deduplicated(SubstringDedup(params_of(20, 0)), documents)) ==
        std::vector<std::string>{"Begins:, that.", "Other.!", "-", documents[3].text});
  CHECK(texts_after(Deduplicated(SubstringDedup(params_of(20)), documents, 2, 1000, {0})) ==
        std::vector<std::string>{documents[0].text, documents[1].text, "-", documents[3].text});
  SubstringDedupParams half = params_of(20);
  half.drop_share = 0.5;
  CHECK(Deduplicated(SubstringDedup(half), documents).removed() == "1<0 2<0");
}

TEST_CASE("substring dedup: a text that repeats itself keeps one period; no character is cut in two") {
  std::string tides;
  for (int i = 0; i < 50; ++i) tides += "in and out. ";
  CHECK(texts_after(Deduplicated(SubstringDedup(params_of(24)), {text_document(tides)}))[0] == "in and out. ");
  // \xc3\xa9 and \xc3\xa8 share their first byte, which is part of the common bytes.
  const std::vector<Document> documents = {text_document("0123456789\xc3\xa9"), text_document("ab0123456789\xc3\xa8")};
  CHECK(texts_after(Deduplicated(SubstringDedup(params_of(8)), documents))[1] == "ab\xc3\xa8");
}

TEST_CASE("substring dedup: equals a look at every window, with any memory, shards and threads") {
  Draw draw;
  std::vector<std::string> phrases;
  for (int i = 0; i < 12; ++i) {
    std::string phrase;
    for (std::uint64_t n = 3 + draw(30); n-- > 0;) phrase += static_cast<char>('a' + draw(3));
    phrases.push_back(phrase);
  }
  std::vector<Document> documents;
  for (int i = 0; i < 120; ++i) {
    std::string text;
    for (std::uint64_t n = draw(8); n-- > 0;)
      text += draw(3) == 0 ? fmt::format("{}", draw(1000)) : phrases[draw(phrases.size())];
    documents.push_back(text_document(text, fmt::format("{}", i)));
  }
  for (const std::size_t window : {6, 15}) {
    for (const int copies : {0, 1}) {
      const std::vector<std::string> expected = reference(documents, window, copies);
      std::string story;
      for (const int threads : {1, 3}) {
        for (const std::uint64_t memory : {0, 8 * 1000, 1'000'000}) {  // shards of 2 windows, of 333 or 1000 bytes, one shard
          const Deduplicated result(SubstringDedup(params_of(window, copies)), documents, threads, memory);
          CHECK(texts_after(result) == expected);
          if (story.empty()) story = result.story();
          CHECK(result.story() == story);
        }
      }
    }
  }
}

TEST_CASE("substring dedup: more shards than files that a process may have open") {
  Draw draw;
  std::vector<Document> documents;
  for (int i = 0; i < 200; ++i) {
    std::string text;
    for (int n = 0; n < 5; ++n) text += fmt::format("{} and so on. ", draw(50));
    documents.push_back(text_document(text, fmt::format("{}", i)));
  }
  const Deduplicated expected(SubstringDedup(params_of(16)), documents);
  struct rlimit before {};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const struct rlimit few { 300, before.rlim_max };
  REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
  const Deduplicated found(SubstringDedup(params_of(16)), documents, 3, 0);  // shards of 32 bytes
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK(found.story() == expected.story());
}

TEST_CASE("substring dedup: empty and short texts") {
  CHECK(texts_after(Deduplicated(SubstringDedup(params_of(20)), {})).empty());
  const std::vector<Document> documents = {text_document(""), text_document("short"), text_document("short")};
  CHECK(texts_after(Deduplicated(SubstringDedup(params_of(20)), documents)) == std::vector<std::string>{"", "short", "short"});
}
