// Everything in engine/data that parses what others wrote.
#include <fstream>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/error.h"
#include "engine/data/characters.h"
#include "engine/data/compressed.h"
#include "engine/data/decisions.h"
#include "engine/data/document.h"
#include "engine/data/evaluation_texts.h"
#include "engine/data/filters/c4.h"
#include "engine/data/filters/decontaminate.h"
#include "engine/data/filters/fineweb_quality.h"
#include "engine/data/filters/gopher_quality.h"
#include "engine/data/filters/gopher_repetition.h"
#include "engine/data/filters/minhash.h"
#include "engine/data/filters/pii.h"
#include "engine/data/filters/url.h"
#include "engine/data/html/html_text.h"
#include "engine/data/licences/licence_marks.h"
#include "engine/data/licences/licence_names.h"
#include "engine/data/optout.h"
#include "engine/data/probe_table.h"
#include "engine/data/public_suffix.h"
#include "engine/data/robots/robots.h"
#include "engine/data/robots/robots_files.h"
#include "engine/data/signals/page_lines.h"
#include "engine/data/signals/signals.h"
#include "engine/data/signals/site_lines.h"
#include "engine/data/sources/block_codecs.h"
#include "engine/data/sources/encoding.h"
#include "engine/data/sources/http_response.h"
#include "engine/data/sources/language.h"
#include "engine/data/sources/licence_file.h"
#include "engine/data/sources/parquet.h"
#include "engine/data/sources/warc_source.h"
#include "engine/data/sources/xml_text.h"
#include "engine/data/url_key.h"
#include "engine/text/unicode.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/decisions_file.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::feed;
using cairn::test::fuzz_rounds;

namespace {

const std::string kPage =
    "<!doctype html><html lang=de><head><meta charset=utf-8><title>T</title></head><body><nav><a href=x>y</a></nav><div "
    "class='main content'><h1>H</h1>"
    "<p>Some running text with <b>bold</b> and <a href=/>links</a>, long enough to be taken for content by the one who "
    "reads.</p><ul><li>a<li>b</ul>"
    "<pre>code\n  more</pre><table><tr><td>1<td>2</table></div><!-- c --><script>x<y</script></body></html>";
const std::string kProse =
    "Write to a.b@example.org or 192.168.1.1, 2001:db8::1; IBAN CH93 0076 2011 6238 5295 7. It's done, isn't it? "
    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e "
    "\xe0\xb8\x97\xe0\xb8\xb5\xe0\xb9\x88 na\xc3\xafve caf\xc3\xa9 http://a.b.org/x?y 10km $5 ... \xe2\x80\xa6 {x} [12] lorem\n- "
    "bullet\n\nparagraph again.";

}  // namespace

TEST_CASE("fuzz: html, encodings, languages and copyright files") {
  feed("html", {kPage, "\xff\xfe<\0p\0>\0", "<meta charset=gb18030><p>\x81\x30\x81\x30"}, fuzz_rounds(),
       [](const std::string& bytes) {
         const HtmlText page = extract_html(bytes);
         CHECK(text::valid_utf8_prefix(page.text) == page.text.size());
         const std::string text = to_utf8(bytes, "shift_jis");
         CHECK(text::valid_utf8_prefix(text) == text.size());
         normal_language(page.language);
       });
  feed("xml", {"<?xml version='1.0'?><a>\n<b c='d'>x &amp; &#x41;<![CDATA[<y>]]></b><!-- z --><e/></a>"}, fuzz_rounds(),
       [](const std::string& bytes) { data::xml_text(bytes, "x"); });
  feed("licence",
       {"Format: x\n\nFiles: *\nLicense: GPL-2+ or Expat\n text\n",
        "licensed under the GNU GPL, version 2.0 or any later version"},
       fuzz_rounds(), [](const std::string& bytes) { licence_of_copyright_file(bytes); });
}

TEST_CASE("fuzz: evaluation sets, the evidence of contamination, addresses in normal form") {
  test::TemporaryFolder folder;
  feed("sets", {"{\"text\": \"one two three four five six seven eight nine\", \"id\": \"a\"}\n\n{\"text\": \"x\", \"n\": [1]}\n"},
       fuzz_rounds() / 20, [&](const std::string& bytes) {  // through a file each time
         write_file_atomically(folder.path() / "set.jsonl", bytes);
         const EvaluationTexts sets(folder.path() / "set.jsonl", {"text"}, 8);
         CHECK_FALSE(sets.items().empty());
       });
  feed("contamination", {"set#1 12/13 100-120+130-140, other/set#x 8/8 0-50"}, fuzz_rounds(), [](const std::string& bytes) {
    const std::vector<Contamination> found = parse_contamination(bytes);
    CHECK(contamination_text(parse_contamination(contamination_text(found))) == contamination_text(found));
  });
  feed("normal url", {"HTTP://u@EXAMPLE.org:80/a/./b/../c?Q=%7e%2f#frag", "http://[2001:DB8::1]:80/%C3%A9"}, fuzz_rounds(),
       [](const std::string& bytes) { CHECK(normal_url(normal_url(bytes)) == normal_url(bytes)); });
}

TEST_CASE("fuzz: compressed streams and documents in them") {
  test::TemporaryFolder folder;
  DocumentWriter writer(real_disk(), folder.path() / "d");
  for (int i = 0; i < 5; ++i) writer.append({document_id(kProse), kProse + std::to_string(i), "s", "u", "MIT", "en", ""});
  writer.finish();
  const std::string zst = read_file(folder.path() / "d/documents-00000.jsonl.zst");
  const std::string gz("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x4c\x4a\x06\x00\xc2\x41\x24\x35\x03\x00\x00\x00", 23);
  feed("zst", {zst}, fuzz_rounds(), [](const std::string& bytes) {
    LineReader lines(decompress(bytes, "x"), "x", 1 << 20);
    std::string_view line;
    while (lines.next(line)) {
      Document document;
      parse_document_line(line, document);
    }
  });
  feed("gz", {gz}, fuzz_rounds(), [](const std::string& bytes) {
    LineReader lines(decompress(bytes, "x"), "x", 1 << 20);
    for (std::string_view line; lines.next(line);) {
    }
  });
  std::string line;
  append_document_line(line, {"id", kProse, "s", "u", "MIT", "en", "now"});
  feed("lines", {line, R"({"a": [1, -2.5e3, true, null, {"b": "\u00e9\ud83d\ude00"}], "text": "x"})"}, fuzz_rounds(),
       [](const std::string& bytes) {
         Document document;
         parse_document_line(bytes, document);
       });
}

TEST_CASE("fuzz: web archives") {
  struct Nowhere : Intake {
    void document(Document&& document) override { CHECK(text::valid_utf8_prefix(document.text) == document.text.size()); }
    void skipped(std::string_view) override {}
    void damaged(std::string_view, const std::string&) override {}
  };
  const std::string warc =
      "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: <http://a.org/>\r\nWARC-Date: 2020-01-02T03:04:05Z\r\nContent-Length: "
      "107\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nTransfer-Encoding: "
      "chunked\r\n\r\n8\r\n<p>text\n\r\n0\r\n\r\n\r\n\r\n";
  const std::string arc =
      "filedesc://x 0.0.0.0 20140216050221 text/plain 4\n1 0\n\nhttp://a.org/ 1.2.3.4 20140216050220 text/html 30\nHTTP/1.0 200 "
      "OK\n\n<p>x</p>   \n\n";
  const std::string gz("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x4c\x4a\x06\x00\xc2\x41\x24\x35\x03\x00\x00\x00", 23);
  feed("warc", {warc + warc, arc, gz + gz, std::string("\x5d\x2a\x4d\x18\x04\x00\x00\x00", 8) + "dict"}, fuzz_rounds(1000),
       [](const std::string& bytes) {
         Nowhere intake;
         WarcReader().read(bytes, "x", intake);
       });
  feed("http", {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n17\r\n" + gz + "\r\n0\r\n\r\n"},
       fuzz_rounds(), [](const std::string& bytes) {
         if (const auto response = parse_http_response(bytes)) decoded_body(*response, 1 << 20);
       });
}

TEST_CASE("fuzz: robots.txt files, addresses, public suffixes, lists of addresses, requests to be left out") {
  const std::vector<std::string> agents = {"CCBot/2.0", "GPTBot", "*"};
  const std::string robots =
      "\xef\xbb\xbfUser-agent: GPTBot\r\nDisallow: /a*b$ # c\nAllow: /%7e\xc3\xa9/index.html\ruser agent ccbot\ndisallow "
      "/x?y;z=1\nSitemap: "
      "http://h.org/s\n";
  feed("robots", {robots, robots + robots}, fuzz_rounds(), [&agents](const std::string& bytes) {
    for (const RobotsReading reading : {RobotsReading::rfc, RobotsReading::protego}) {
      const RobotsRules rules(bytes, agents, reading);
      rules.decide("http://h.org/a%7eb/\xc3\xa9?x=y#z");
    }
  });
  feed("urls", {"https://me@www.Example.co.uk:80/a;b?c=d#e", "http://[::1]:8/", "//a?b"}, fuzz_rounds(),
       [&](const std::string& url) {
         for (const RobotsReading reading : {RobotsReading::rfc, RobotsReading::protego}) {
           robots_host(url, reading);
           const std::optional<std::string> path = robots_path(url, reading);
           if (path) CHECK((path->starts_with('/') || reading == RobotsReading::protego));
         }
         const PublicSuffixList suffixes("uk\nco.uk\n*.ck\n!www.ck\n");
         suffixes.registrable(canonical_host(url));
         UrlLists lists;
         lists.substrings = {"ab", "bc"};
         UrlFilter(lists, suffixes).judge_url(url);
       });
  feed("suffixes", {"// a\nuk\nco.uk\n*.ck\n!www.ck\n\xe5\x85\xac\xe5\x8f\xb8.cn\n"}, fuzz_rounds(500),
       [](const std::string& bytes) { PublicSuffixList(bytes).registrable("a.b.co.uk"); });
  test::TemporaryFolder folder;
  const auto file_of = [&folder](const char* name, const std::string& bytes) {
    fs::remove(folder.path() / name);
    real_disk().create(folder.path() / name)->write(bytes);
    return folder.path() / name;
  };
  feed("robots-lines",
       {"{\"host\": \"a.org\", \"fetched\": \"2024-05-01\", \"status\": 200, \"body\": \"user-agent: *\\ndisallow: /\"}\n"},
       fuzz_rounds(1000),
       [&](const std::string& bytes) { for_each_robots_file(file_of("r.jsonl", bytes), "", [](const RobotsSnapshot&) {}); });
  feed("url-lists", {"{\"domains\": [\"a.org\"], \"substrings\": [\"xy\", \"y\"]}"}, fuzz_rounds(1000),
       [&](const std::string& bytes) { read_url_lists(file_of("l.json", bytes)); });
  feed("optouts", {"{\"name\": \"a.org\", \"received\": \"2026-11-24\", \"added\": \"x\", \"evidence\": \"y\"}"},
       fuzz_rounds(1000), [&](const std::string& bytes) {
         file_of("e.optout.json", bytes);
         OptOutRegister(folder.path()).covering("a.org", "https://b.a.org/");
       });
}

TEST_CASE("fuzz: opt-out signals and marks of licences") {
  const std::vector<std::string> agents = {"CCBot/2.0", "GPTBot", "*"};
  feed("signal-values",
       {"noai, gptbot: noindex, unavailable_after: Wed, 25 Jun 2025 15:00:00 GMT", "ai-train=no, search=yes;p=1",
        "bots=n, train-ai=y", "1", "2025-06-25"},
       fuzz_rounds(), [&agents](const std::string& bytes) {
         PageLines lines;
         for (const char* name : {"x-robots-tag", "tdm-reservation", "content-signal", "content-usage"})
           lines.add_header(name, bytes);
         lines.add_meta("gptbot", "", bytes);
         const std::string text = lines.text();
         CHECK(text::valid_utf8_prefix(text) == text.size());
         CHECK(text.size() < 2000);
         const std::vector<SignalLine> back = split_signal_lines(text, "\n");
         CHECK(back.size() == lines.lines().size());
         read_signals(back, {agents, "2025-01-01"});
         day_of(bytes);
       });
  feed("signal-lines", {"header x-robots-tag: noai | robots.txt (line 2 of sha256:x, 2025) content-usage: /a train-ai=n"},
       fuzz_rounds(), [&agents](const std::string& bytes) {
         read_signals(split_signal_lines(bytes, " | "), {agents, ""});
       });
  feed("robots-signals",
       {"user-agent: gptbot\ncontent-signal: ai-train=no\ncontent-usage: /a*b$ train-ai=n\ndisallowaitraining: "
        "/\xc3\xa9\nallowaitraining: /x"},
       fuzz_rounds(), [&agents](const std::string& bytes) { robots_signal_rules(bytes, agents); });
  feed("tdmrep",
       {R"([{"location": "/a*", "tdm-reservation": 1, "tdm-policy": "https://a.org/p"}])",
        R"({"tdm": [{"tdm-reservation": "0"}]})"},
       fuzz_rounds(), [](const std::string& bytes) { tdmrep_rules(bytes, "tdmrep.json"); });
  feed("licence-values",
       {"https://creativecommons.org/licenses/by-sa/4.0/deed.de?x#y", "(MIT OR Apache-2.0) AND CC-BY-3.0-DE WITH x",
        "Creative Commons Attribution-NonCommercial (CC BY-NC) 4.0", "GNU FDL 1.2 or later",
        "<https://a.org/x>; rel=\"license a\", </y>; rel=license"},
       fuzz_rounds(), [](const std::string& bytes) {
         licence_of_value(bytes);
         licence_of_url(bytes);
         spdx_expression(bytes);
         licences_of_link_header(bytes);
       });
  feed("json-ld",
       {R"({"@graph": [{"@type": ["Article"], "license": [{"@id": "https://creativecommons.org/licenses/by/4.0/"}, "MIT"]}]})"},
       fuzz_rounds(), [](const std::string& bytes) { licence_of_marks(licences_of_json_ld(bytes)); });
  feed("licence-texts", {"Licensed under CC BY-SA 4.0.\n\n# SPDX-License-Identifier: MIT\nPhoto: \xc2\xa9 x, GFDL 1.3 or later"},
       fuzz_rounds(), [](const std::string& bytes) {
         const FoundLicence found = licence_of_text(text::utf8_lossy(bytes));
         CHECK(text::valid_utf8_prefix(found.evidence) == found.evidence.size());
       });
  feed("page-marks",
       {"<meta name=robots content=noai><link rel=license href='//creativecommons.org/licenses/by/4.0/'><p>under <a "
        "href='https://www.gnu.org/licenses/fdl.html'>x</a>"
        "<script type='application/ld+json'>{\"license\": \"MIT\"}</script><figure><a rel=license href=x>"},
       fuzz_rounds(1000), [](const std::string& bytes) {
         const HtmlText page = extract_html(bytes);
         const std::string signals = join_signal_lines(page.signals, "\n");
         CHECK(text::valid_utf8_prefix(signals) == signals.size());
         const FoundLicence found = licence_of_marks(page.licences);
         CHECK(text::valid_utf8_prefix(found.evidence) == found.evidence.size());
       });
}

TEST_CASE("fuzz: Parquet files") {
  std::string file;
  const std::string hex = read_file(test::source_folder() / "tests/golden/parquet/documents.hex");
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) file += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  feed("parquet", {file}, fuzz_rounds(), [](const std::string& bytes) {
    const ParquetFile parquet(bytes);
    for (std::size_t group = 0; group < parquet.row_groups(); ++group) {
      for (std::size_t column = 0; column < parquet.columns().size(); ++column) {
        const auto reader = parquet.read(group, column);
        ParquetCell cell;
        for (int left = 10'000; left > 0 && reader->next(cell); --left) {
        }
      }
    }
  });
  feed("snappy", {"\x0b\x10hello\x09\x05"}, fuzz_rounds(), [](const std::string& bytes) {
    try {
      unpack_snappy(bytes, 11);
    } catch (const Error&) {
    }
    try {
      unpack_lz4_block(bytes, 11);
    } catch (const Error&) {
    }
  });
}

TEST_CASE("fuzz: probe tables") {
  const test::TemporaryFolder folder;
  const std::vector<std::vector<TokenId>> sequences = {{5, 6, 7, 8}, {1, 2}};
  const std::vector<Probe> probes = {{probe_id(sequences[0]), "book", "4", 4, "sha256:aa", "a.txt", 12, 4, 0, 0.5},
                                     {probe_id(sequences[1]), "varying_prefix", "0", 0, "", "", 0, 2, 3, -1}};
  write_probe_table(real_disk(), folder.path(), probes, sequences, TokenType::i32);
  feed("probe table", {probe_lines(probes)}, fuzz_rounds(3000), [&folder](const std::string& bytes) {
    std::ofstream(folder.path() / "probes.jsonl", std::ios::binary) << bytes;
    const ProbeTable table = ProbeTable::open(folder.path());
    for (std::size_t p = 0; p < table.probes().size(); ++p) table.tokens(p);
  });
}

TEST_CASE("fuzz: decisions files") {
  Decision d;
  d.id = sha256("x");
  d.url = "u";
  d.reason = "r";
  Decision e = d;
  e.id = sha256("y");
  e.duplicate_of = d.id;
  test::TemporaryFolder folder;
  feed("decisions", {cairn::test::decisions_file({d, e})}, fuzz_rounds(), [&folder](const std::string& bytes) {
    fs::remove(folder.path() / "d");
    real_disk().create(folder.path() / "d")->write(bytes);
    const Decisions decisions(folder.path() / "d");
    decisions.by_url("u", false, 10);
    decisions.by_url_suffix("u", 10);
    decisions.by_id("2", 10);
    for (std::size_t i = 0; i < decisions.size(); ++i) decisions.at(i);
  });
}

TEST_CASE("fuzz: filters on any valid UTF-8") {
  const GopherQualityFilter gopher_quality({});
  const GopherRepetitionFilter gopher_repetition({});
  const C4Filter c4({});
  const FineWebQualityFilter fineweb({});
  const PiiFilter pii({});
  PiiParams params;
  params.rules = PiiRules::apertus;
  const PiiFilter apertus(params);
  const MinHasher hasher{MinHashParams{}};
  const std::string identifiers =
      "a.b@c\xc3\xbc.de 11.2.3.4:80 [2a00:1450::8] CH93 0076 2011 6238 5295 7 +41 (0)44 668 18 00 ext. 12 (212) 555-0123x4 Tel. "
      "668 18 00 "
      "4111 1111 1111 1111 3782 822463 10005";
  feed("filters", {kProse, kProse + kProse + kProse, identifiers, ""}, fuzz_rounds(), [&](const std::string& bytes) {
    Document document;
    document.text = text::utf8_lossy(bytes);
    TextAnalysis analysis(document.text);
    for (const Filter* filter : {static_cast<const Filter*>(&gopher_quality), static_cast<const Filter*>(&gopher_repetition),
                                 static_cast<const Filter*>(&c4), static_cast<const Filter*>(&fineweb),
                                 static_cast<const Filter*>(&pii), static_cast<const Filter*>(&apertus)}) {
      const Judgement judgement = filter->judge(document, analysis);
      CHECK(text::valid_utf8_prefix(judgement.text) == judgement.text.size());
    }
    hasher.signature(document.text);
  });
}
