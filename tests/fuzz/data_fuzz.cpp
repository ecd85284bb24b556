// Everything in engine/data that parses what others wrote.
#include <fmt/format.h>

#include "base/disk.h"
#include "base/error.h"
#include "engine/data/characters.h"
#include "engine/data/compressed.h"
#include "engine/data/decisions.h"
#include "engine/data/document.h"
#include "engine/data/filters/c4.h"
#include "engine/data/filters/fineweb_quality.h"
#include "engine/data/filters/gopher_quality.h"
#include "engine/data/filters/gopher_repetition.h"
#include "engine/data/filters/minhash.h"
#include "engine/data/filters/pii.h"
#include "engine/data/sources/encoding.h"
#include "engine/data/sources/html_text.h"
#include "engine/data/sources/language.h"
#include "engine/data/sources/licence_file.h"
#include "engine/text/unicode.h"
#include "tests/fuzz/fuzz.h"

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
  feed("licence",
       {"Format: x\n\nFiles: *\nLicense: GPL-2+ or Expat\n text\n",
        "licensed under the GNU GPL, version 2.0 or any later version"},
       fuzz_rounds(), [](const std::string& bytes) { licence_of_copyright_file(bytes); });
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

TEST_CASE("fuzz: decisions files") {
  Decision d;
  d.id = sha256("x");
  d.url = "u";
  d.reason = "r";
  Decision e = d;
  e.id = sha256("y");
  e.duplicate_of = d.id;
  test::TemporaryFolder folder;
  feed("decisions", {decisions_file({d, e})}, fuzz_rounds(), [&folder](const std::string& bytes) {
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
  params.apertus = true;
  const PiiFilter apertus(params);
  const MinHasher hasher{MinHashParams{}};
  feed("filters", {kProse, kProse + kProse + kProse, ""}, fuzz_rounds(), [&](const std::string& bytes) {
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
