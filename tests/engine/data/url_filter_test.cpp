#include <fmt/format.h>

#include "base/disk.h"
#include "base/json.h"
#include "engine/data/curate.h"
#include "engine/data/decisions.h"
#include "engine/data/filters/optout.h"
#include "engine/data/filters/url.h"
#include "engine/data/ingest.h"
#include "engine/data/optout.h"
#include "engine/data/public_suffix.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;
using cairn::test::TemporaryFolder;

namespace {

constexpr const char* kSuffixes =
    "// a comment\ncom\nuk\nco.uk\n*.ck\n!www.ck\njp\n*.kobe.jp\n!city.kobe.jp\nde\norg\n"
    "\xe5\x85\xac\xe5\x8f\xb8.cn\ncn\n// ===BEGIN PRIVATE DOMAINS===\ngithub.io\nio\n";

}  // namespace

TEST_CASE("public suffixes: rules, wildcards, exceptions, other scripts, addresses") {
  const PublicSuffixList list(kSuffixes);
  const std::pair<const char*, const char*> kHosts[] = {{"example.com", "example.com"},
                                                        {"a.b.example.com", "example.com"},
                                                        {"com", ""},
                                                        {"a.b.example.co.uk", "example.co.uk"},
                                                        {"co.uk", ""},
                                                        {"a.b.test.ck", "b.test.ck"},
                                                        {"test.ck", ""},
                                                        {"a.www.ck", "www.ck"},
                                                        {"a.b.c.kobe.jp", "b.c.kobe.jp"},
                                                        {"a.city.kobe.jp", "city.kobe.jp"},
                                                        {"x.y.unlisted", "y.unlisted"},
                                                        {"a.user.github.io", "user.github.io"},
                                                        {"localhost", ""},
                                                        {"192.168.1.1", "192.168.1.1"},
                                                        {"2001:db8::1", "2001:db8::1"},
                                                        {"", ""}};
  for (const auto& entry : kHosts)
    CHECK_MESSAGE(list.registrable(entry.first) == std::string(entry.second), std::string(entry.first));
  CHECK(PublicSuffixList(kSuffixes, false).registrable("a.user.github.io") == "github.io");
  CHECK(list.registrable(canonical_host("http://www.\xe9\xa3\x9f\xe7\x8b\xae.\xe5\x85\xac\xe5\x8f\xb8.cn/x")) ==
        "xn--85x722f.xn--55qx5d.cn");
  CHECK(canonical_host("https://me:pw@WWW.Example.COM.:8080/x?y#z") == "www.example.com");
  CHECK(canonical_host("http://[2001:db8::1]:80/") == "2001:db8::1");
  CHECK(canonical_host("http:///x") == "");
  CHECK(error_of([] { PublicSuffixList("// nothing\n"); }) == "no rule in this public suffix list");
}

TEST_CASE("public suffixes: the real list") {
  REQUIRE_SHARED(shared);
  const PublicSuffixList list(read_file(shared / "data/psl/public_suffix_list.dat"));
  CHECK(list.size() > 9000);
  for (const auto& [host, domain] :
       {std::pair("www.uni-bern.ch", "uni-bern.ch"), std::pair("www.bbc.co.uk", "bbc.co.uk"),
        std::pair("a.b.c.kawasaki.jp", "b.c.kawasaki.jp"), std::pair("x.city.kawasaki.jp", "city.kawasaki.jp"),
        std::pair("u.github.io", "u.github.io"), std::pair("a.b.blogspot.com", "b.blogspot.com")}) {
    const std::string name = host;
    CHECK_MESSAGE(list.registrable(name) == std::string(domain), name);
  }
}

TEST_CASE("url filter: domain, host, address, words, softer words, parts of words, in this order") {
  UrlLists lists;
  lists.domains = {"bad.co.uk"};
  lists.hosts = {"ads.good.com"};
  lists.urls = {"http://good.com/one"};
  lists.words = {"casino"};
  lists.soft_words = {"hot", "free"};
  lists.substrings = {"blackjack", "jackpot", "x-rated"};
  const UrlFilter filter(lists, PublicSuffixList(kSuffixes));
  const auto rule = [&](const char* url) { return filter.judge_url(url).rule; };
  CHECK(rule("https://www.bad.co.uk/casino") == "domain");
  CHECK(rule("https://ads.good.com/casino") == "host");
  CHECK(rule("https://more.ads.good.com/") == "");
  CHECK(rule("http://good.com/one") == "url");
  CHECK(rule("http://good.com/one/") == "");
  CHECK(rule("http://good.com/a-CASINO_b") == "word");
  CHECK(rule("http://good.com/casinos") == "");
  CHECK(rule("http://good.com/hot/hot") == "");
  CHECK(rule("http://good.com/hot/free") == "soft_words");
  CHECK(rule("http://good.com/Black-Jack_1") == "substring");
  CHECK(rule("http://good.com/x/rated") == "substring");
  CHECK(rule("http://good.com/blackjac/k") == "substring");
  CHECK(rule("http://good.com/blackjac") == "");
  CHECK(rule("docs/a.html") == "");
  const SubstringFinder finder({"abcd", "bc", "cde"});
  REQUIRE(finder.find_in("xabcx") != nullptr);
  CHECK(*finder.find_in("xabcx") == "bc");
  CHECK(*finder.find_in("acde") == "cde");
  CHECK(finder.find_in("abxcxd") == nullptr);
}

TEST_CASE("optout: the register keeps requests with their evidence and refuses what is none") {
  TemporaryFolder folder;
  const fs::path place = folder.path() / "optout";
  write_file_atomically(folder.path() / "letter.txt", "please leave us out");
  const std::string added = "2026-11-24T00:00:00Z";
  const std::string name =
      add_optout(real_disk(), place, {"*.Example.ORG", "2026-11-01", added, ""}, folder.path() / "letter.txt");
  CHECK(name == "2026-11-01-example.org-" + sha256("please leave us out").hex().substr(0, 8) + ".optout.json");
  CHECK(add_optout(real_disk(), place, {"example.org", "2026-11-01", added, ""}, folder.path() / "letter.txt") == name);
  add_optout(real_disk(), place, {"some-dataset", "2026-11-02", added, ""}, folder.path() / "letter.txt");
  const std::vector<OptOut> entries = read_optouts(place);
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].name == "example.org");
  CHECK(read_file(place / "evidence" / entries[0].evidence) == "please leave us out");
  fs::create_directories(folder.path() / "page");
  const auto refused = [&](const char* domain, const char* day) {
    return error_of([&] { add_optout(real_disk(), place, {domain, day, added, ""}, folder.path() / "letter.txt"); });
  };
  CHECK(refused("http://example.org", "2026-11-01").find("is no domain") != std::string::npos);
  CHECK(refused("", "2026-11-01") != "");
  CHECK(refused("example.org", "1.11.2026") == "optout: --received '1.11.2026': expected a day, as 2026-11-24");
  CHECK(error_of([&] { add_optout(real_disk(), place, {"a.org", "2026-11-01", added, ""}, "/nonexistent"); }) != "");
  const OptOutRegister known(place);
  CHECK(known.covering("crawl", "https://www.example.org/x") != nullptr);
  CHECK(known.covering("example.org", "a.html") != nullptr);
  CHECK(known.covering("www.example.org", "a.html") != nullptr);
  CHECK(known.covering("some-dataset", "row#1") != nullptr);
  CHECK(known.covering("crawl", "https://notexample.org/x") == nullptr);
  CHECK(known.covering("crawl", "https://org/x") == nullptr);
  // The example of the page is an entry.
  const std::string page = read_file(test::source_folder() / "docs/format/optout.md");
  const std::size_t begin = page.find("```json\n") + 8;
  write_file_atomically(folder.path() / "page/a.optout.json", page.substr(begin, page.find("```", begin) - begin));
  CHECK(read_optouts(folder.path() / "page").at(0).name == "example.org");
  write_file_atomically(place / "x.optout.json", "{\"name\": 3}");
  CHECK(error_of([&] { read_optouts(place); }).ends_with("x.optout.json: expected a string in \"name\""));
  CHECK(error_of([&] { OptOutRegister(folder.path() / "none"); }).find("no register") != std::string::npos);
}

TEST_CASE("curate: opt-outs and address lists are obeyed; ingest by domain makes domains of sources") {
  TemporaryFolder folder;
  write_file_atomically(folder.path() / "psl.dat", kSuffixes);
  write_file_atomically(folder.path() / "lists.json", "{\"words\": [\"casino\"]}");
  write_file_atomically(folder.path() / "letter.txt", "x");
  add_optout(real_disk(), folder.path() / "optout", {"gone.org", "2026-11-01", "2026-11-24T00:00:00Z", ""},
             folder.path() / "letter.txt");
  write_file_atomically(
      folder.path() / "rows.jsonl",
      "{\"text\": \"one\", \"url\": \"https://www.stays.co.uk/a\"}\n{\"text\": \"two\", \"url\": "
      "\"https://shop.gone.org/b\"}\n{\"text\": \"three\", \"url\": \"https://stays.co.uk/casino\"}\n{\"text\": \"four\"}\n");
  test::StepRun ingest(kIngest,
                       {{"sources", {{{"name", "rows"}, {"path", (folder.path() / "rows.jsonl").string()}, {"by_domain", true}}}},
                        {"suffixes", (folder.path() / "psl.dat").string()}});
  ingest.run();
  const Json by_source = read_json(ingest.output("report"))["by_source"];
  CHECK(by_source["stays.co.uk"]["documents"] == 2);
  CHECK(by_source["gone.org"]["documents"] == 1);
  CHECK(by_source["rows"]["records"]["in"] == 4);
  test::StepRun run(kCurate, {{"filters",
                               {{{"filter", "optout"}, {"file", (folder.path() / "optout").string()}},
                                {{"filter", "url"},
                                 {"file", (folder.path() / "lists.json").string()},
                                 {"suffixes", (folder.path() / "psl.dat").string()}}}}});
  run.input("documents", ingest.output("documents")).run();
  const Decisions decisions(run.output("decisions"));
  REQUIRE(decisions.size() == 4);
  const auto fate = [&](const char* url) {
    const Decision d = decisions.at(decisions.by_url(url, true, 1).at(0));
    return d.filter + " " + d.rule;
  };
  CHECK(fate("https://shop.gone.org/b") == "optout opted_out");
  CHECK(fate("https://stays.co.uk/casino") == "url word");
  CHECK(fate("https://www.stays.co.uk/a") == " ");
}
