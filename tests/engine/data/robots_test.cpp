#include <fmt/format.h>

#include "base/disk.h"
#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/curate.h"
#include "engine/data/decisions.h"
#include "engine/data/filters/robots.h"
#include "engine/data/robots/robots.h"
#include "engine/data/robots/robots_files.h"
#include "engine/text/unicode.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;
using cairn::test::TemporaryFolder;

namespace {

bool allowed(std::string_view robots, const std::string& agent, std::string_view url,
             RobotsReading reading = RobotsReading::rfc) {
  const std::vector<std::string> agents = {agent};
  return RobotsRules(robots, agents, reading).decide(url).blocked.empty();
}

std::uint32_t line_of(std::string_view robots, const std::string& agent, std::string_view url) {
  const std::vector<std::string> agents = {agent};
  return RobotsRules(robots, agents, RobotsReading::rfc).decide(url).line;
}

std::string document_text(const std::string& url) {
  return "The text of the page at " + url + " and some more words to it.";
}

}  // namespace

TEST_CASE("robots: RFC 9309 and what Google published of its matcher, as a table") {
  struct Case {
    const char* what;
    const char* robots;
    const char* agent;
    const char* url;
    bool allowed;
  };
  const Case kCases[] = {
      {"nothing said", "", "FooBot", "http://h.org/x", true},
      {"system test", "user-agent: FooBot\ndisallow: /\n", "FooBot", "http://h.org/x", false},
      {"another agent", "user-agent: FooBot\ndisallow: /\n", "BarBot", "http://h.org/x", true},
      {"lines without an agent count for nobody", "disallow: /\nuser-agent: FooBot\n", "FooBot", "http://h.org/x", true},
      {"a wrong key is no rule", "foo: FooBot\nbar: /\n", "FooBot", "http://h.org/x", true},
      {"blanks instead of a colon", "user-agent FooBot\ndisallow /\n", "FooBot", "http://h.org/x", false},
      {"more words are no rule", "user-agent: FooBot\ndisallow / x\n", "FooBot", "http://h.org/x", true},
      {"typos of keys", "useragent: FooBot\ndisalow: /\n", "FooBot", "http://h.org/x", false},
      {"typos of keys", "user agent: FooBot\ndiasllow: /\n", "FooBot", "http://h.org/x", false},
      {"keys by prefix", "user-agent-x: FooBot\ndisallowed: /\n", "FooBot", "http://h.org/x", false},
      {"keys in any case", "USER-AGENT: FooBot\nDISALLOW: /\n", "FooBot", "http://h.org/x", false},
      {"agents in any case", "user-agent: FOO BAR\ndisallow: /\n", "foo", "http://h.org/x", false},
      {"a token ends where letters do", "user-agent: Foo Bar\ndisallow: /\n", "Foo Bar", "http://h.org/x", false},
      {"a version is no part of it", "user-agent: CCBot/2.0\ndisallow: /\n", "CCBot", "http://h.org/x", false},
      {"nor of the one who asks", "user-agent: CCBot\ndisallow: /\n", "CCBot/2.0", "http://h.org/x", false},
      {"but the whole token", "user-agent: FooBot-Images\ndisallow: /\n", "FooBot", "http://h.org/x", true},
      {"paths mind their case", "user-agent: FooBot\ndisallow: /X/\n", "FooBot", "http://h.org/x/y", true},
      {"paths mind their case", "user-agent: FooBot\ndisallow: /X/\n", "FooBot", "http://h.org/X/y", false},
      {"groups for one agent are one",
       "user-agent: FooBot\ndisallow: /a\nuser-agent: Other\ndisallow: /\nuser-agent: foobot\ndisallow: /b\n", "FooBot",
       "http://h.org/b", false},
      {"agents in a row share rules", "user-agent: A\nuser-agent: FooBot\ndisallow: /\n", "FooBot", "http://h.org/x", false},
      {"a rule closes the header", "user-agent: FooBot\ndisallow: /a\nuser-agent: BarBot\ndisallow: /b\n", "FooBot",
       "http://h.org/b", true},
      {"unknown lines and sitemaps do not", "user-agent: FooBot\nsitemap: x\ncrawl-delay: 3\nuser-agent: BarBot\ndisallow: /b\n",
       "FooBot", "http://h.org/b", false},
      {"all others", "user-agent: *\ndisallow: /\n", "FooBot", "http://h.org/x", false},
      {"a star and more words", "user-agent: * baz\ndisallow: /\n", "FooBot", "http://h.org/x", false},
      {"a star and letters name nobody", "user-agent: *Foo\ndisallow: /\n", "FooBot", "http://h.org/x", true},
      {"a group of its own hides the one for all", "user-agent: *\ndisallow: /\nuser-agent: FooBot\nallow: /a\n", "FooBot",
       "http://h.org/x", true},
      {"even an empty one", "user-agent: *\ndisallow: /\nuser-agent: FooBot\ndisallow:\n", "FooBot", "http://h.org/x", true},
      {"named last without rules", "user-agent: *\ndisallow: /\nuser-agent: FooBot\n", "FooBot", "http://h.org/x", true},
      {"the longest pattern wins", "user-agent: FooBot\ndisallow: /x/page.html\nallow: /x/\n", "FooBot",
       "http://h.org/x/page.html", false},
      {"whatever the order", "user-agent: FooBot\nallow: /x/page.html\ndisallow: /x/\n", "FooBot", "http://h.org/x/page.html",
       true},
      {"and else the shorter", "user-agent: FooBot\nallow: /x/page.html\ndisallow: /x/\n", "FooBot", "http://h.org/x/", false},
      {"a tie allows", "user-agent: FooBot\ndisallow: /x\nallow: /x\n", "FooBot", "http://h.org/x", true},
      {"empty patterns decide nothing", "user-agent: FooBot\ndisallow:\nallow:\n", "FooBot", "http://h.org/x", true},
      {"stars count in the length", "user-agent: FooBot\ndisallow: /*/x*\nallow: /x\n", "FooBot", "http://h.org/x/x", false},
      {"a star is any run", "user-agent: FooBot\ndisallow: /foo/bar/*/\n", "FooBot", "http://h.org/foo/bar/qux/", false},
      {"a star may be empty", "user-agent: FooBot\ndisallow: /foo*.php\n", "FooBot", "http://h.org/foo.php", false},
      {"a dollar ends", "user-agent: FooBot\ndisallow: /*.php$\n", "FooBot", "http://h.org/a.php?x", true},
      {"a dollar ends", "user-agent: FooBot\ndisallow: /*.php$\n", "FooBot", "http://h.org/a.php", false},
      {"only at the end", "user-agent: FooBot\ndisallow: /a$b\n", "FooBot", "http://h.org/a$b", false},
      {"not anchored otherwise", "user-agent: FooBot\ndisallow: /fish\n", "FooBot", "http://h.org/fishheads/x.html?a=b", false},
      {"anchored at the start", "user-agent: FooBot\ndisallow: /fish\n", "FooBot", "http://h.org/a/fish", true},
      {"a pattern without a slash", "user-agent: FooBot\ndisallow: fish\n", "FooBot", "http://h.org/fish", true},
      {"the index page is the folder", "user-agent: *\nallow: /a/index.html\ndisallow: /\n", "FooBot", "http://h.org/a/", true},
      {"the index page is the folder", "user-agent: *\nallow: /a/index.htm\ndisallow: /\n", "FooBot", "http://h.org/a/", true},
      {"but not what lies in it", "user-agent: *\nallow: /a/index.html\ndisallow: /\n", "FooBot", "http://h.org/a/b", false},
      {"comments", "user-agent: FooBot # me\ndisallow: / # all\n", "FooBot", "http://h.org/x", false},
      {"line ends CR", "user-agent: FooBot\rdisallow: /\r", "FooBot", "http://h.org/x", false},
      {"line ends CRLF", "user-agent: FooBot\r\n\r\ndisallow: /\r\n", "FooBot", "http://h.org/x", false},
      {"no end of the last line", "user-agent: FooBot\ndisallow: /", "FooBot", "http://h.org/x", false},
      {"a byte order mark", "\xef\xbb\xbfuser-agent: FooBot\ndisallow: /\n", "FooBot", "http://h.org/x", false},
      {"a part of one", "\xef\xbbuser-agent: FooBot\ndisallow: /\n", "FooBot", "http://h.org/x", false},
      {"other bytes are not", "\xef\x11user-agent: FooBot\ndisallow: /\n", "FooBot", "http://h.org/x", true},
      {"bytes beyond ASCII are escaped", "user-agent: FooBot\ndisallow: /\nallow: /foo/\xe3\x83\x84\n", "FooBot",
       "http://h.org/foo/%E3%83%84", true},
      {"in the file, not in the address", "user-agent: FooBot\ndisallow: /\nallow: /foo/\xe3\x83\x84\n", "FooBot",
       "http://h.org/foo/\xe3\x83\x84", false},
      {"escapes are put in upper case", "user-agent: FooBot\ndisallow: /\nallow: /%aa\n", "FooBot", "http://h.org/%AA", true},
      {"escapes are not undone", "user-agent: FooBot\ndisallow: /\nallow: /%62%61\n", "FooBot", "http://h.org/ba", false},
      {"the query belongs to the path", "user-agent: FooBot\ndisallow: /?x\n", "FooBot", "http://h.org?x=1", false},
      {"parameters too", "user-agent: FooBot\ndisallow: /;x\n", "FooBot", "http://h.org;x", false},
      {"the fragment does not", "user-agent: FooBot\ndisallow: /a#b\nallow: /a\n", "FooBot", "http://h.org/a#b", true},
      {"no path is the root", "user-agent: FooBot\ndisallow: /\n", "FooBot", "http://h.org", false},
  };
  for (const Case& c : kCases)
    CHECK_MESSAGE(allowed(c.robots, c.agent, c.url) == c.allowed, std::string(c.what), "\n", std::string(c.robots),
                  std::string(c.url));

  const std::pair<const char*, const char*> kPaths[] = {{"", "/"},
                                                        {"http://h.org", "/"},
                                                        {"http://h.org/", "/"},
                                                        {"http://h.org/a", "/a"},
                                                        {"//a/b/c", "/b/c"},
                                                        {"//a?x", "/?x"},
                                                        {"h.org/a;p?q#f", "/a;p?q"},
                                                        {"http://h.org/a/?x=http://b.org/c", "/a/?x=http://b.org/c"},
                                                        {"a/b://c", "/b://c"},
                                                        {"http://h.org#f/x", "/"},
                                                        {"http://h.org?a=b", "/?a=b"}};
  for (const auto& entry : kPaths) CHECK_MESSAGE(robots_path(entry.first, RobotsReading::rfc) == entry.second, entry.first);

  CHECK(line_of("# about\n\nuser-agent: FooBot\r\ndisallow: /x\nallow: /x/y\n", "FooBot", "http://h.org/x/y") == 5);
  CHECK(line_of("# about\n\nuser-agent: FooBot\r\ndisallow: /x\nallow: /x/y\n", "FooBot", "http://h.org/x") == 4);
  CHECK(line_of("user-agent: FooBot\ndisallow: /x\n", "FooBot", "http://h.org/z") == 0);

  // Long lines are cut where the longest address would end; a file beyond 500 KiB is read no further.
  const std::string longest(2083 * 8 - 11, 'a');
  CHECK(!allowed("user-agent: FooBot\ndisallow: /" + longest + "bbb\n", "FooBot", "http://h.org/" + longest));
  CHECK(allowed("user-agent: FooBot\n" + std::string(600'000, '#') + "\ndisallow: /\n", "FooBot", "http://h.org/x"));
}

TEST_CASE("robots: a hostile file or pattern costs no more than its length times the path's") {
  std::string stars = "user-agent: FooBot\ndisallow: /";
  for (int i = 0; i < 4000; ++i) stars += "*a";
  CHECK(allowed(stars + "b$\n", "FooBot", "http://h.org/" + std::string(8000, 'a')));
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += "user-agent: x\ndisallow: /\n";
  for (const RobotsReading reading : {RobotsReading::rfc, RobotsReading::protego}) {
    CHECK(allowed(many, "FooBot", "http://h.org/x", reading));
    CHECK(allowed(std::string(1'000'000, '\0'), "FooBot", "http://h.org/x", reading));
    // Many agents that share many rules.
    std::string shared;
    for (int i = 0; i < 40'000; ++i) shared += fmt::format("user-agent: x{}\n", i);
    for (int i = 0; i < 40'000; ++i) shared += fmt::format("disallow: /{}\n", i);
    CHECK(allowed(shared, "FooBot", "http://h.org/1", reading));
  }
}

TEST_CASE("robots: the protego reading decides as Protego does, on real files and hard cases") {
  const Json golden = read_json(test::source_folder() / "tests/golden/robots/protego.json");
  const auto agents = golden["agents"].get<std::vector<std::string>>();
  const auto check = [&](std::string_view robots, const std::vector<std::string>& urls, const Json& decisions,
                         const std::string& what) {
    const RobotsRules rules(robots, agents, RobotsReading::protego);
    int wrong = 0;
    for (std::size_t a = 0; a < agents.size(); ++a) {
      const auto expected = decisions[a].get<std::string>();
      REQUIRE(expected.size() == urls.size());
      for (std::size_t u = 0; u < urls.size(); ++u) {
        const std::optional<std::string> path = robots_path(urls[u], RobotsReading::protego);
        const bool ours = !path || rules.decide_path(*path, a).allowed;
        const bool theirs = expected[u] != '0';  // where Protego fails, Apertus kept the document
        if (ours != theirs && ++wrong < 3) {
          CHECK_MESSAGE(ours == theirs, what, ": ", agents[a], " ", urls[u], " path ", path.value_or("-"), " line ",
                        path ? rules.decide_path(*path, a).line : 0);
        }
      }
    }
    return wrong;
  };
  const auto urls = golden["urls"].get<std::vector<std::string>>();
  int number = 0;
  for (const Json& c : golden["cases"]) {
    CHECK(check(c["robots"].get<std::string>(), urls, c["decisions"], fmt::format("case {}", number++)) == 0);
  }
  REQUIRE_SHARED(shared);
  int files = 0;
  for (const auto& [host, decisions] : golden["real"].items()) {
    const std::string raw = read_file(shared / "data/robots/real" / host);
    const std::string text = text::utf8_lossy(raw);
    // As make_robots.py makes addresses: what follows "llow:" up to the line's end or a comment, 40 of them.
    std::vector<std::string> made;
    std::string lower = lower_case_ascii(text);
    for (std::size_t at = lower.find("llow:"); at != std::string::npos && made.size() < 80; at = lower.find("llow:", at)) {
      at += 5;
      std::string value(strip(std::string_view(text).substr(at, text.find_first_of("\r\n#", at) - at)));
      at = std::min(text.find_first_of("\r\n#", at), text.size());
      std::replace(value.begin(), value.end(), '*', 'x');
      std::erase(value, '$');
      const std::string url = "http://" + host + (value.starts_with('/') ? value : "/" + value);
      made.push_back(url);
      made.push_back(url + "tail?q=1");
    }
    for (const char* end : {"/", "/index.html", "/a/b.php?x=y&z=1"}) made.push_back("http://" + host + end);
    const std::string& of = host;
    CHECK_MESSAGE(check(raw, made, decisions, of) == 0, of);
    ++files;
  }
  CHECK(files == 410);
}

TEST_CASE("robots: the two readings differ where the specification says") {
  const char* version = "User-agent: CCBot/2.0\nDisallow: /\n";
  CHECK(!allowed(version, "CCBot", "http://h.org/x"));
  CHECK(allowed(version, "CCBot", "http://h.org/x", RobotsReading::protego));
  CHECK(!allowed(version, "CCBot/2.0", "http://h.org/x", RobotsReading::protego));
  CHECK(!allowed("User-agent: Bot\nDisallow: /\n", "GPTBot", "http://h.org/x", RobotsReading::protego));  // a part of the name
  CHECK(allowed("User-agent: Bot\nDisallow: /\n", "GPTBot", "http://h.org/x"));
}

TEST_CASE("robots: lists of agents never change") {
  CHECK(robots_agents({"apertus-code@1"}).size() == 15);
  CHECK(robots_agents({"apertus-report@1"}).size() == 14);
  std::string all;
  for (const std::string& agent : robots_agents({"apertus-code@1"})) all += agent + "\n";
  CHECK(sha256(all).short_hex() == "ff07f3cccf3c");
  CHECK(robots_agents({"GPTBot", "apertus-report@1"})[0] == "GPTBot");
  CHECK(robots_agents({"GPTBot", "apertus-report@1"}).size() == 14);
  CHECK(error_of([] { robots_agents({"x@1"}); }) == "unknown list of agents 'x@1'; known: apertus-code@1, apertus-report@1");
}

TEST_CASE("robots: collections: a folder by host, JSONL with dates, web archives") {
  TemporaryFolder folder;
  fs::create_directories(folder.path() / "hosts");
  write_file_atomically(folder.path() / "hosts/a.org", "user-agent: GPTBot\ndisallow: /private\n");
  write_file_atomically(folder.path() / "hosts/b.org:8080", "user-agent: *\ndisallow: /\n");
  const RobotsFilter by_folder({robots_agents({"apertus-report@1"}), RobotsReading::rfc, "2025-01-15", false},
                               folder.path() / "hosts");
  CHECK(by_folder.hosts() == 2);
  const Judgement dropped = by_folder.judge_url("https://A.org/private/x");
  CHECK(dropped.action == Judgement::Action::drop);
  CHECK(dropped.reason == "its host's robots.txt forbids it to GPTBot (line 2)");
  CHECK(dropped.evidence ==
        "line 2 of robots.txt sha256:" + sha256("user-agent: GPTBot\ndisallow: /private\n").hex() + ", 2025-01-15");
  CHECK(by_folder.judge_url("https://a.org/x").action == Judgement::Action::keep);
  CHECK(by_folder.judge_url("https://a.org/x").evidence.starts_with("no rule in robots.txt sha256:"));
  CHECK(by_folder.judge_url("http://b.org:8080/x").action == Judgement::Action::drop);
  CHECK(by_folder.judge_url("http://b.org/x").evidence == "no robots.txt at hand");
  CHECK(by_folder.judge_url("docs/a.html").action == Judgement::Action::keep);

  write_file_atomically(
      folder.path() / "robots.jsonl",
      "{\"host\": \"a.org\", \"fetched\": \"2024-05-01\", \"body\": \"user-agent: *\\ndisallow: /\"}\n"
      "{\"host\": \"a.org\", \"fetched\": \"2025-05-01\", \"body\": \"\"}\n"
      "{\"host\": \"c.org\", \"fetched\": \"2024-05-01\", \"status\": 404, \"body\": \"user-agent: *\\ndisallow: /\"}\n"
      "{\"host\": \"d.org\", \"fetched\": \"2024-05-01\", \"status\": 503, \"body\": \"\"}\n");
  const auto keeps = [&](const char* date, const char* url, bool drop_unreachable = false) {
    const RobotsFilter filter({{"GPTBot"}, RobotsReading::rfc, date, drop_unreachable}, folder.path() / "robots.jsonl");
    return filter.judge_url(url).action == Judgement::Action::keep;
  };
  CHECK(keeps("", "http://a.org/x"));
  CHECK(!keeps("2024-12-31", "http://a.org/x"));
  CHECK(keeps("2023-12-31", "http://a.org/x"));
  CHECK(keeps("", "http://c.org/x"));
  CHECK(keeps("", "http://d.org/x"));
  CHECK(!keeps("", "http://d.org/x", true));
  write_file_atomically(folder.path() / "bad.jsonl", "{\"host\": \"a.org\"}\n");
  CHECK(error_of([&] {
          RobotsFilter({{"GPTBot"}, {}, {}, false}, folder.path() / "bad.jsonl");
        }) == "bad.jsonl: line 1: expected a string in \"body\"");

  const std::string body = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuser-agent: *\ndisallow: /x\n";
  write_file_atomically(folder.path() / "robots.warc",
                        fmt::format("WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://e.org/robots.txt\r\nWARC-Date: "
                                    "2025-02-03T04:05:06Z\r\nContent-Length: {}\r\n\r\n{}\r\n\r\n",
                                    body.size(), body));
  const RobotsFilter archive({{"GPTBot"}, RobotsReading::rfc, "", false}, folder.path() / "robots.warc");
  CHECK(archive.judge_url("http://e.org/x").evidence.ends_with(", 2025-02-03T04:05:06Z"));
  CHECK(archive.judge_url("http://e.org/x").action == Judgement::Action::drop);
}

TEST_CASE("curate: robots files are an input of the step, and the evidence stays with every decision") {
  TemporaryFolder folder;
  fs::create_directories(folder.path() / "hosts");
  write_file_atomically(folder.path() / "hosts/a.org", "user-agent: CCBot\ndisallow: /private\n");
  DocumentWriter writer(real_disk(), folder.path() / "d");
  for (const char* url : {"http://a.org/private/1", "http://a.org/2", "http://b.org/3"}) {
    const std::string text = document_text(url);
    writer.append(
        {document_id(text), text, "s", url, "MIT", "en", "2013-01-01T00:00:00Z", "urn:x:1", "f.warc.gz:7", "text/html"});
  }
  writer.finish();
  const Json config = {
      {"filters", {{{"filter", "robots"}, {"file", (folder.path() / "hosts").string()}, {"date", "2025-01-15"}}}}};
  test::StepRun run(kCurate, config);
  run.input("documents", folder.path() / "d").run();
  const Decisions decisions(run.output("decisions"));
  const Decision dropped = decisions.at(decisions.by_url("http://a.org/private/1", true, 1).at(0));
  CHECK(dropped.filter == "robots");
  CHECK(dropped.rule == "disallowed");
  CHECK(dropped.evidence.starts_with("robots: line 2 of robots.txt sha256:"));
  const Decision kept = decisions.at(decisions.by_url("http://a.org/2", true, 1).at(0));
  CHECK(kept.verdict == Verdict::kept);
  CHECK(kept.evidence.ends_with(", 2025-01-15"));
  DocumentReader reader(run.output("documents"));
  Document document;
  REQUIRE(reader.next(document));
  CHECK(document.record_id == "urn:x:1");
  CHECK(document.record_place == "f.warc.gz:7");
  CHECK(document.content_type == "text/html");
}
