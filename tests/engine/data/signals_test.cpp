#include <fmt/format.h>

#include "base/disk.h"
#include "base/json.h"
#include "engine/data/curate.h"
#include "engine/data/decisions.h"
#include "engine/data/filters/signals.h"
#include "engine/data/html/html_text.h"
#include "engine/data/ingest.h"
#include "engine/data/signals/page_lines.h"
#include "engine/data/signals/signals.h"
#include "engine/data/signals/site_lines.h"
#include "engine/text/unicode.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;
using cairn::test::StepRun;
using cairn::test::TemporaryFolder;

namespace {

const std::vector<std::string> kAgents = {"CCBot/2.0", "GPTBot", "*"};

// The signals that some lines say, separated by blanks; " ?" behind them when a line is unreadable.
std::string said_by(const std::vector<std::string>& texts, const std::string& date = "2025-06-01") {
  std::vector<SignalLine> lines;
  for (const std::string& text : texts) {
    SignalLine line;
    REQUIRE(parse_signal_line(text, line));
    lines.push_back(line);
  }
  const SignalAnswer answer = read_signals(lines, {kAgents, date});
  std::string out;
  for (const std::size_t signal : answer.reserved) out += (out.empty() ? "" : " ") + signal_table()[signal].id;
  return out + (answer.unreadable.empty() ? "" : " ?");
}

// Lines that files at one host say of an address.
std::string lines_of(const std::string& robots, const std::string& tdmrep, const std::string& url) {
  TemporaryFolder folder;
  for (const auto& [name, body] : {std::pair{"robots", robots}, std::pair{"tdmrep", tdmrep}}) {
    fs::create_directories(folder.path() / name);
    if (!body.empty()) write_file_atomically(folder.path() / name / "a.org", body);
  }
  const SiteLines site({folder.path() / "robots", folder.path() / "tdmrep", kAgents, "2025-01-15"});
  std::vector<SignalLine> lines;
  site.lines_for(url, lines);
  std::string out;
  for (const SignalLine& line : lines) {
    // "line 2 of sha256:..., 2025-01-15" -> "2"
    const std::size_t space = line.where.find(' ');
    const std::string number =
        line.name == "unreadable" ? "" : line.where.substr(space + 1, line.where.find(' ', space + 1) - space - 1);
    CHECK(line.where.find("sha256:") != std::string::npos);
    CHECK(line.where.ends_with(", 2025-01-15"));
    out += fmt::format("{}{} {}: {}", out.empty() ? "" : " | ", number, line.name, line.value);
  }
  return out;
}

}  // namespace

TEST_CASE("signals: what header fields and metas say, as a table") {
  const std::tuple<const char*, const char*, const char*> kCases[] = {
      {"a directive", "header x-robots-tag: noai, noimageai", "noai noimageai"},
      {"in any case, among others", "header x-robots-tag: NOINDEX, NoAI", "noai noindex"},
      {"blanks instead of commas", "meta robots: noai noimageai", "noai noimageai"},
      {"none is noindex and nofollow", "meta robots: none", "noindex"},
      {"nothing of it", "header x-robots-tag: index, follow, max-snippet:-1", ""},
      {"for an agent asked for", "header x-robots-tag: gptbot: noai", "noai"},
      {"for its version", "header x-robots-tag: CCBot: noai", "noai"},
      {"for another agent", "header x-robots-tag: otherbot: noai", ""},
      {"an agent's name holds up to the next", "header x-robots-tag: otherbot: noai, noindex, gptbot: noarchive", "noarchive"},
      {"before any agent for all", "header x-robots-tag: noai, otherbot: noindex", "noai"},
      {"a meta of an agent", "meta gptbot: noai", "noai"},
      {"a meta of another", "meta otherbot: noai", ""},
      {"unavailable since", "header x-robots-tag: unavailable_after: 25 Jun 2010 15:00:00 PST", "unavailable_after"},
      {"its date has a comma", "header x-robots-tag: unavailable_after: Wednesday, 25-Jun-25 15:00:00 GMT", ""},
      {"its date is past, and more follows", "meta robots: unavailable_after: Sat, 03 May 2025 10:00:00 GMT, noai",
       "noai unavailable_after"},
      {"ISO 8601", "meta robots: unavailable_after: 2025-05-31", "unavailable_after"},
      {"the day itself", "meta robots: unavailable_after: 2025-06-01", ""},
      {"no date", "meta robots: unavailable_after: soon", " ?"},
      {"the draft's directive", "meta robots: DisallowAITraining", "disallow-ai-training"},
      {"reserved", "header tdm-reservation: 1", "tdm-reservation"},
      {"not reserved", "meta tdm-reservation: 0", ""},
      {"with its policy", "tdmrep.json (rule 1 of sha256:x) tdm-reservation: 1 (policy https://a.org/p)", "tdm-reservation"},
      {"neither 0 nor 1", "header tdm-reservation: perhaps", " ?"},
      {"a policy alone", "header tdm-policy: https://a.org/p.json", ""},
      {"content signals", "header content-signal: ai-train=no, search=yes, ai-input=no",
       "content-signal.ai-train content-signal.ai-input"},
      {"content signals with blanks", "header content-signal: ai-train=no search=no",
       "content-signal.ai-train content-signal.search"},
      {"content signals, all allowed", "header content-signal: ai-train=yes,search=yes", ""},
      {"an unknown value", "header content-signal: ai-train=maybe", " ?"},
      {"twice, the strictest", "header content-signal: ai-train=no, ai-train=yes", "content-signal.ai-train"},
      {"content usage", "header content-usage: train-ai=n, search=y", "content-usage.train-ai"},
      {"its earlier labels", "header content-usage: train-genai=n", "content-usage.train-ai"},
      {"what stands above it", "header content-usage: bots=n",
       "content-usage.train-ai content-usage.ai-use content-usage.search"},
      {"what is nearer", "header content-usage: bots=n, train-ai=y, search=y", "content-usage.ai-use"},
      {"parameters", "header content-usage: train-ai=n;p=1, search=y", "content-usage.train-ai"},
      {"a parameter's value is not its own", "header content-usage: train-ai;allow=n", " ?"},
      {"a path before it", "robots.txt (line 3 of sha256:x, 2025-01-15) content-usage: /a train-ai=n", "content-usage.train-ai"},
      {"in robots.txt", "robots.txt (line 3 of sha256:x) disallowaitraining: /", "disallow-ai-training"},
      {"a file that is none", "tdmrep.json (sha256:x) unreadable: not JSON", " ?"},
  };
  for (const auto& [what, line, expected] : kCases) {
    const auto& line_ = line;
    const auto& what_ = what;
    INFO(what_ << ": " << line_);
    CHECK(said_by({line}) == std::string(expected));
  }
  // The strictest wins, wherever it stands.
  CHECK(said_by({"meta tdm-reservation: 0", "header tdm-reservation: 1"}) == "tdm-reservation");
  CHECK(said_by({"meta robots: all", "header x-robots-tag: noai"}) == "noai");
  CHECK(said_by({"header x-robots-tag: unavailable_after: 2010-01-01"}, "") == "");
}

TEST_CASE("signals: lists by name and version, and names that are unknown") {
  CHECK(signals_named({"training@1"}).size() == 5);
  CHECK(signals_named({"all@1"}).size() == signal_table().size());
  CHECK(signals_named({"noai", "training@1", "noindex"}).size() == 6);
  CHECK(error_of([] { signals_named({"training@9"}); }) == "unknown list of signals 'training@9'; known: all@1, training@1");
  CHECK(error_of([] { signals_named({"no-ai"}); }).starts_with("unknown signal 'no-ai'; known: noai, noimageai, "));
}

TEST_CASE("signals: a page's lines are kept, bounded, as one line of UTF-8 each") {
  PageLines lines;
  lines.add_header("X-Robots-Tag", "noai");
  lines.add_header("Server", "noai");
  lines.add_header("Content-Signal", "a\xff | b\r\n c");
  lines.add_meta("robots", "", "index,follow");
  lines.add_meta("ROBOTS", "", "NoIndex");
  lines.add_meta("GPTBot", "", "noai, nofollow");
  lines.add_meta("description", "", "a page about noai and noindex");
  lines.add_meta("twitter:card", "", "none");
  lines.add_meta("", "X-Robots-Tag", "noimageai");
  lines.add_meta("tdm-reservation", "", "1");
  CHECK(lines.text() ==
        "header x-robots-tag: noai\nheader content-signal: a\xef\xbf\xbd / b   c\nmeta robots: NoIndex\nmeta gptbot: noai, "
        "nofollow\n"
        "meta x-robots-tag: noimageai\nmeta tdm-reservation: 1");
  // A value of a megabyte keeps the words that count.
  PageLines huge;
  huge.add_header("x-robots-tag", std::string(50'000, 'x') + ", noai, " + std::string(1 << 20, 'y'));
  huge.add_header("content-signal", std::string(300, ' ') + "search=yes, " + std::string(300, 'z') + "=q, ai-train=no");
  CHECK(huge.text() == "header x-robots-tag: noai [cut]\nheader content-signal: search=yes, ai-train=no [cut]");
  CHECK(said_by({"header x-robots-tag: noai [cut]", "header content-signal: search=yes, ai-train=no [cut]"}) ==
        "noai content-signal.ai-train");
  PageLines many;
  for (int i = 0; i < 1000; ++i) many.add_header("x-robots-tag", "noai");
  CHECK(many.lines().size() == kMostLines);
  // Lines come back from their text.
  for (const std::string_view separator : {"\n", " | "}) {
    const std::vector<SignalLine> back = split_signal_lines(join_signal_lines(lines.lines(), separator), separator);
    REQUIRE(back.size() == lines.lines().size());
    CHECK(join_signal_lines(back, "\n") == lines.text());
  }
}

TEST_CASE("signals: values with the separator of evidence come back whole, however it stands in them") {
  for (const char* value : {"|", "| noai", "noai |", "noai | noindex", " | ", "||", "noai |\t", "a|b"}) {
    CAPTURE(std::string(value));
    PageLines lines;
    lines.add_header("x-robots-tag", value);
    lines.add_meta("tdm-reservation", "", value);
    lines.add_header("content-signal", value);
    REQUIRE(lines.lines().size() == 3);
    for (const std::string_view separator : {std::string_view("\n"), kEvidenceSeparator}) {
      const std::vector<SignalLine> back = split_signal_lines(join_signal_lines(lines.lines(), separator), separator);
      REQUIRE(back.size() == 3);
      for (std::size_t i = 0; i < back.size(); ++i) {
        CHECK(back[i].name == lines.lines()[i].name);
        CHECK(back[i].value == lines.lines()[i].value);
      }
    }
  }
}

TEST_CASE("signals: lines of robots.txt by group, path and precedence") {
  const std::string url = "https://a.org/docs/page";
  CHECK(lines_of("User-agent: *\nContent-Signal: ai-train=no, search=yes\nAllow: /\n", "", url) ==
        "2 content-signal: ai-train=no, search=yes");
  CHECK(lines_of("Content-Usage: train-ai=n\n", "", url) == "1 content-usage: train-ai=n");
  // The draft's own example: the longest path, and a group of an agent's own instead of that for all.
  const std::string draft =
      "User-Agent: *\nAllow: /\nDisallow: /never/\nContent-Usage: train-ai=n\nContent-Usage: /ai-ok/ train-ai=y\n\nUser-Agent: "
      "ExampleBot\nAllow: /\nContent-Usage: train-ai=y\n";
  CHECK(lines_of(draft, "", "https://a.org/test") == "4 content-usage: train-ai=n");
  CHECK(lines_of(draft, "", "https://a.org/ai-ok/test") == "5 content-usage: train-ai=y");
  // An agent asked for has a group; the others have that for all: what either says counts.
  CHECK(lines_of("user-agent: gptbot\ncontent-signal: ai-train=yes\n\nuser-agent: *\ncontent-signal: ai-train=no\n", "", url) ==
        "5 content-signal: ai-train=no | 2 content-signal: ai-train=yes");
  CHECK(lines_of("user-agent: otherbot\ncontent-signal: ai-train=no\n", "", url).empty());
  CHECK(lines_of("user-agent: *\nDisallowAITraining: /docs\nAllowAITraining: /docs/page\n", "", url) ==
        "3 allowaitraining: /docs/page");
  CHECK(lines_of("user-agent: *\nDisallowAITraining: /docs\nAllowAITraining: /docs\n", "", url) == "2 disallowaitraining: /docs");
  CHECK(lines_of("user-agent: *\nDisallowAITraining: /other\n", "", url).empty());
  CHECK(lines_of("user-agent: *\nDisallowAITraining:\n", "", url).empty());
  CHECK(lines_of("user-agent: *\ndisallowaitraining: /\n", "", "https://b.org/").empty());
  CHECK(lines_of("user-agent: *\ndisallowaitraining: /\n", "", "docs/local.html").empty());
}

TEST_CASE("signals: tdmrep.json by location; what is none is told and keeps nothing out") {
  const std::string url = "https://a.org/docs/page";
  CHECK(lines_of("", R"([{"location": "/", "tdm-reservation": 1, "tdm-policy": "https://a.org/policy.json"}])", url) ==
        "1 tdm-reservation: 1 (policy https://a.org/policy.json)");
  CHECK(lines_of("", R"([{"location": "/*", "tdm-reservation": 1}, {"location": "/docs/", "tdm-reservation": 0}])", url) ==
        "2 tdm-reservation: 0");
  CHECK(lines_of("", R"([{"location": "/a", "tdm-reservation": 1}])", url).empty());
  CHECK(lines_of("", R"({"tdm-reservation": "1"})", url) == "1 tdm-reservation: 1");
  CHECK(lines_of("", R"({"tdm": [{"tdm-reservation": true, "location": "docs"}]})", url) == "1 tdm-reservation: 1");
  // Equally long ones: both, of which whoever reads them takes the strictest.
  CHECK(lines_of("", R"([{"location": "/docs", "tdm-reservation": 0}, {"location": "/docs", "tdm-reservation": 1}])", url) ==
        "1 tdm-reservation: 0 | 2 tdm-reservation: 1");
  for (const char* broken : {"<html>", "[{\"location\": \"/\"", "3", "[1]", "[{\"location\": \"/\"}]",
                             "[{\"tdm-reservation\": null}]", "[{\"tdm-reservation\": 1, \"location\": 7}]", "\xff\xfe"}) {
    INFO(broken);
    CHECK(lines_of("", broken, url).starts_with(" unreadable: tdmrep.json: "));
  }
  CHECK(lines_of("", std::string(2 << 20, ' '), url) == " unreadable: tdmrep.json: larger than 1048576 bytes");
}

TEST_CASE(
    "signals: from a web archive through ingest and curate, each decision with its lines, and judged again without documents") {
  TemporaryFolder folder;
  const auto record = [](const std::string& url, const std::string& header, const std::string& body) {
    const std::string block = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n" + header + "\r\n" + body;
    return fmt::format(
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\nWARC-Target-URI: {}\r\nWARC-Date: "
        "2024-01-02T03:04:05Z\r\nContent-Length: {}\r\n\r\n{}\r\n\r\n",
        url, block.size(), block);
  };
  const auto page = [](const std::string& head, int n) {
    return fmt::format(
        "<html><head>{}</head><body><p>This is page number {} with a text of its own that says nothing else.</p></body></html>",
        head, n);
  };
  write_file_atomically(
      folder.path() / "pages.warc",
      record("https://a.org/free", "", page("", 1)) + record("https://a.org/header", "x-robots-tag: NOAI\r\n", page("", 2)) +
          record("https://a.org/meta", "",
                 page("<meta name=\"robots\" content=\"noindex\"><meta name='tdm-reservation' content='1'>", 3)) +
          record("https://b.org/file", "", page("", 4)) + record("https://c.org/rep", "", page("", 5)));
  fs::create_directories(folder.path() / "robots");
  fs::create_directories(folder.path() / "tdmrep");
  write_file_atomically(folder.path() / "robots/b.org", "user-agent: *\ncontent-signal: ai-train=no\n");
  write_file_atomically(folder.path() / "tdmrep/c.org", "[{\"location\": \"/\", \"tdm-reservation\": 1}]");
  StepRun ingest(kIngest, Json{{"sources", {{{"name", "web"}, {"path", (folder.path() / "pages.warc").string()}}}}});
  ingest.run();
  const Json ingested = read_json(ingest.output("report"));
  CHECK(ingested["signals"] == Json({{"header x-robots-tag", 1}, {"meta robots", 1}, {"meta tdm-reservation", 1}}));

  StepRun run(kCurate, Json{{"filters",
                             {{{"filter", "signals"},
                               {"date", "2025-01-15"},
                               {"robots", (folder.path() / "robots").string()},
                               {"tdmrep", (folder.path() / "tdmrep").string()}}}}});
  run.input("documents", ingest.output("documents")).run();
  const Decisions decisions(run.output("decisions"));
  const auto of = [&decisions](const char* url) { return decisions.at(decisions.by_url(url, true, 1).at(0)); };
  CHECK(of("https://a.org/free").verdict == Verdict::kept);
  CHECK(of("https://a.org/free").evidence == "signals: none");
  CHECK(of("https://a.org/header").rule == "noai");
  CHECK(of("https://a.org/header").reason == "kept from training: noai by header x-robots-tag: NOAI");
  CHECK(of("https://a.org/header").evidence == "signals: header x-robots-tag: NOAI");
  CHECK(of("https://a.org/meta").rule == "tdm-reservation");
  CHECK(of("https://a.org/meta").evidence == "signals: meta robots: noindex | meta tdm-reservation: 1");
  CHECK(of("https://b.org/file").rule == "content-signal.ai-train");
  CHECK(of("https://b.org/file").evidence.starts_with("signals: robots.txt (line 2 of sha256:"));
  CHECK(of("https://b.org/file").evidence.ends_with(", 2025-01-15) content-signal: ai-train=no"));
  CHECK(of("https://c.org/rep").rule == "tdm-reservation");
  const Json report = read_json(run.output("report") / "report.json");
  CHECK(report["filters"][0]["rules"] == Json({{"noai", 1}, {"tdm-reservation", 2}, {"content-signal.ai-train", 1}}));
  std::map<std::string, int> counted;
  for (const Json& row : report["statistics"][0]["classes"])
    counted[row["name"].get<std::string>()] = row["passed"].get<int>() + row["dropped"].get<int>();
  CHECK(counted["any"] == 4);
  CHECK(counted["noindex"] == 1);
  CHECK(counted["tdm-reservation"] == 2);

  // Only what counts is dropped; documents keep their lines.
  StepRun lax(kCurate, Json{{"filters", {{{"filter", "signals"}, {"signals", {"noindex"}}}}}});
  lax.input("documents", ingest.output("documents")).run();
  DocumentReader reader(lax.output("documents"));
  std::vector<std::string> kept;
  for (Document document; reader.next(document);) kept.push_back(document.url + " " + document.signals);
  CHECK(kept == std::vector<std::string>{"https://a.org/free ", "https://a.org/header header x-robots-tag: NOAI",
                                         "https://b.org/file ", "https://c.org/rep "});
}
