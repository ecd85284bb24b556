#include "engine/data/decisions.h"

#include <fstream>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "tests/support/decisions_file.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::decisions_file;
using cairn::test::error_of;
using cairn::test::source_folder;
using cairn::test::TemporaryFolder;

namespace {

Decision decision_of(const std::string& text, const std::string& url) {
  Decision d;
  d.id = sha256(text);
  d.url = url;
  d.source = "s";
  d.language = "en";
  return d;
}

// The bytes of the page's ```hex block.
std::string example_of(const fs::path& page) {
  const std::string text = read_file(page);
  const std::size_t begin = text.find("```hex\n") + 7;
  std::string bytes;
  int high = -1;
  for (const char c : text.substr(begin, text.find("```", begin) - begin)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) continue;
    if (high < 0) {
      high = digit;
    } else {
      bytes += static_cast<char>(high * 16 + digit);
      high = -1;
    }
  }
  return bytes;
}

}  // namespace

TEST_CASE("decisions: the example of docs/format/decisions.md is what is written, and reads back") {
  Decision d = decision_of("hi", "a");
  d.verdict = Verdict::dropped;
  d.filter = "pii";
  d.rule = "r";
  d.reason = "why";
  const std::string file = decisions_file({d});
  const std::string example = example_of(source_folder() / "docs/format/decisions.md");
  CHECK(to_hex({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()}) ==
        to_hex({reinterpret_cast<const std::uint8_t*>(example.data()), example.size()}));
  TemporaryFolder folder;
  write_file_atomically(folder.path() / "d", example);
  const Decisions decisions(folder.path() / "d");
  REQUIRE(decisions.size() == 1);
  const Decision back = decisions.at(0);
  CHECK(back.id == sha256("hi"));
  CHECK(back.url == "a");
  CHECK(back.source == "s");
  CHECK(back.language == "en");
  CHECK(back.verdict == Verdict::dropped);
  CHECK(back.filter == "pii");
  CHECK(back.rule == "r");
  CHECK(back.reason == "why");
  CHECK_FALSE(back.duplicate_of.has_value());
}

TEST_CASE("decisions: found by id, by address, by the beginning of both and by the end of an address") {
  std::vector<Decision> all;
  for (int i = 0; i < 1000; ++i)
    all.push_back(decision_of(fmt::format("text {}", i % 900), fmt::format("https://example.org/{}/page-{}.html", i % 7, i)));
  all[5].duplicate_of = sha256("text 6");
  all[5].edited = true;
  all[5].verdict = Verdict::held_out;
  all[5].shard = 3;
  all[5].ordinal = 70'000;
  TemporaryFolder folder;
  write_file_atomically(folder.path() / "d", decisions_file(all));
  const Decisions decisions(folder.path() / "d");
  REQUIRE(decisions.size() == 1000);
  for (std::size_t i = 1; i < decisions.size(); ++i) CHECK(decisions.at(i - 1).id <= decisions.at(i).id);

  const auto five = decisions.by_url("https://example.org/5/page-5.html", true, 10);
  REQUIRE(five.size() == 1);
  const Decision d = decisions.at(five[0]);
  CHECK(d.id == sha256("text 5"));
  CHECK(*d.duplicate_of == sha256("text 6"));
  CHECK(d.edited);
  CHECK(d.verdict == Verdict::held_out);
  CHECK(d.shard == 3);
  CHECK(d.ordinal == 70'000);

  CHECK(decisions.by_id(sha256("text 5").hex(), 10).size() == 2);  // the texts of 5 and 905
  CHECK(decisions.by_id(sha256("text 500").hex().substr(0, 10), 10).size() == 1);
  CHECK(decisions.by_id("", 7).size() == 7);
  CHECK(decisions.by_id(sha256("none").hex(), 10).empty());
  CHECK(decisions.by_url("https://example.org/3/", false, 1000).size() == 143);
  CHECK(decisions.by_url("https://example.org/3/", true, 1000).empty());
  CHECK(decisions.by_url_suffix("page-77.html", 10).size() == 1);
  CHECK(decisions.by_url_suffix("ge-77.html", 10).empty());
  CHECK(decisions.by_url_suffix("/page-77.html", 10).size() == 1);
  CHECK(decisions.by_url_suffix("https://example.org/0/page-77.html", 10).size() == 1);
  CHECK(decisions.by_url_suffix("", 10).empty());
}

TEST_CASE("decisions: the end of an address is found as by looking at all of them") {
  std::vector<Decision> all;
  for (const char* url : {"a/b/c", "b/c", "c", "/c", "a/xc", "a/b/c/", "a//c", "", "z/ü/c", "a/b/c"}) {
    for (int i = 0; i < 3; ++i) all.push_back(decision_of(fmt::format("{} {}", url, i), url));
  }
  TemporaryFolder folder;
  write_file_atomically(folder.path() / "d", decisions_file(all));
  const Decisions decisions(folder.path() / "d");
  for (const std::string suffix : {"c", "b/c", "/c", "/b/c", "a/b/c", "xc", "c/", "ü/c", "x", "//c", "a//c"}) {
    CAPTURE(suffix);
    std::vector<std::size_t> expected;
    for (std::size_t i = 0; i < decisions.size(); ++i) {
      const std::string url = decisions.at(i).url;
      if (!url.ends_with(suffix)) continue;
      if (url.size() == suffix.size() || suffix.starts_with('/') || url[url.size() - suffix.size() - 1] == '/')
        expected.push_back(i);
    }
    CHECK(decisions.by_url_suffix(suffix, 1000) == expected);
    CHECK(decisions.by_url_suffix(suffix, 2).size() == std::min<std::size_t>(expected.size(), 2));
  }
}

TEST_CASE("decisions: a damaged file is an error that names it") {
  TemporaryFolder folder;
  const fs::path path = folder.path() / "d";
  const std::string good = decisions_file({decision_of("hi", "a"), decision_of("ho", "b")});
  const auto error = [&path](std::string bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    return error_of([&path] {
      const Decisions decisions(path);
      for (std::size_t i = 0; i < decisions.size(); ++i) decisions.at(i);
      decisions.by_url("a", true, 1);
    });
  };
  CHECK(error(good).empty());
  CHECK(error("").find("not a decisions file") != std::string::npos);
  CHECK(error(good.substr(0, good.size() - 1)).find("claims 2 records") != std::string::npos);
  for (std::size_t at = 8; at < good.size(); ++at) {
    std::string damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x80);
    error(damaged);  // an error or other content, but no crash
  }
  std::string lying = good;
  lying[23] = '\x7f';
  CHECK(error(lying).find("claims") != std::string::npos);
}

TEST_CASE("decisions: a glance says what the whole record says, and a draw depends on the document alone") {
  std::vector<Decision> written;
  for (int i = 0; i < 20; ++i) {
    Decision d = decision_of(fmt::format("text {}", i), fmt::format("https://a.org/{}", i));
    d.verdict = static_cast<Verdict>(i % 3);
    d.edited = i % 2 == 0;
    if (d.verdict == Verdict::dropped) {
      d.filter = fmt::format("f{}", i % 4);
      d.rule = fmt::format("r{}", i % 5);
    }
    written.push_back(d);
  }
  TemporaryFolder folder;
  write_file_atomically(folder.path() / "all", decisions_file(written));
  write_file_atomically(folder.path() / "one", decisions_file({written[7]}));
  const Decisions all(folder.path() / "all"), one(folder.path() / "one");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Decision d = all.at(i);
    const DecisionGlance g = all.glance(i);
    CHECK(g.url == d.url);
    CHECK(g.source == d.source);
    CHECK(g.language == d.language);
    CHECK(g.filter == d.filter);
    CHECK(g.rule == d.rule);
    CHECK(g.verdict == d.verdict);
    CHECK(g.edited == d.edited);
    CHECK((all.draw(i, 3) == one.draw(0, 3)) == (d.id == written[7].id));
    CHECK(all.draw(i, 3) != all.draw(i, 4));
  }
}
