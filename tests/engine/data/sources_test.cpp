#include <unicode/ucnv.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/error.h"
#include "engine/data/html/html_text.h"
#include "engine/data/sources/encoding.h"
#include "engine/data/sources/language.h"
#include "engine/data/sources/licence_file.h"
#include "engine/data/sources/source_reader.h"
#include "engine/data/sources/xml_text.h"
#include "engine/text/unicode.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;

namespace {

const std::string kParagraph =
    "The tide came in slowly that evening and with it the smell of salt, and nobody on the pier had expected to see the boat "
    "return before dark.";

std::string text_of(const std::string& html) {
  return extract_html(html).text;
}

std::vector<Document> documents_of(const SourceReader& reader, const std::string& bytes) {
  struct Strict : Intake {
    void document(Document&& document) override { documents.push_back(std::move(document)); }
    void skipped(std::string_view) override {}
    void damaged(std::string_view, const std::string& message) override { throw Error(message); }
    std::vector<Document> documents;
  } intake;
  reader.read(bytes, "x", intake);
  return intake.documents;
}

std::string encoded(const std::string& utf8, const char* encoding) {
  UErrorCode status = U_ZERO_ERROR;
  std::string out(utf8.size() * 2 + 16, '\0');
  const std::int32_t size = ucnv_convert(encoding, "UTF-8", out.data(), static_cast<std::int32_t>(out.size()), utf8.data(),
                                         static_cast<std::int32_t>(utf8.size()), &status);
  REQUIRE(U_SUCCESS(status));
  out.resize(static_cast<std::size_t>(size));
  std::replace(out.begin(), out.end(), '\x1a', '?');  // what the encoding does not have
  return out;
}

}  // namespace

TEST_CASE("html: headings, paragraphs, lists, code and tables stay, navigation goes") {
  const std::string page =
      "<!doctype html><html lang='de-CH'><head><title> A  title </title><style>p{}</style><script>var x = "
      "'<p>no</p>';</script></head><body>"
      "<nav><a href=/>Home</a> <a href=/b>Other</a></nav><header>Site name</header><div class='navheader'><p>Prev Next of the "
      "whole book, and so on</p></div>"
      "<div id=main><h1>Heading</h1><p>" +
      kParagraph +
      "</p><ul><li>one <b>bold</b> item</li><li>two</li></ul>"
      "<pre>int main() {\n  return 0;   // two  "
      "spaces\n}\n</pre><table><tr><th>Name</th><th>Size</th></tr><tr><td>a</td><td>12</td></tr></table>"
      "<p>" +
      kParagraph + " Again.</p></div><aside>See also things</aside><footer>Copyright someone</footer></body></html>";
  const HtmlText text = extract_html(page);
  CHECK(text.title == "A title");
  CHECK(text.language == "de-CH");
  CHECK(text.text ==
        "Heading\n\n" + kParagraph +
            "\n\n- one bold item\n- two\n\nint main() {\n  return 0;   // two  spaces\n}\n\nName | Size\na | 12\n\n" +
            kParagraph + " Again.");
}

TEST_CASE("html: boxes of links go, an element that holds most of the text stays whatever its class says") {
  const std::string links =
      "<div class=x><ul><li><a href=1>A first story to read</a></li><li><a href=2>A second story to read</a></li></ul></div>";
  CHECK(text_of("<body><div><p>" + kParagraph + "</p><p>" + kParagraph + "</p>" + links + "</div></body>") ==
        kParagraph + "\n\n" + kParagraph);
  CHECK(text_of("<body><div class='content widget'><p>" + kParagraph + "</p></div></body>") == kParagraph);
  CHECK(text_of("<body><div><p>" + kParagraph + "</p><p>" + kParagraph + "</p></div><div class=comments><p>" + kParagraph +
                "</p></div></body>") == kParagraph + "\n\n" + kParagraph);
  CHECK(text_of("<body><div><h2>Story</h2><p>" + kParagraph + "</p><h2>Related</h2>" + links + "</div></body>") ==
        "Story\n\n" + kParagraph);
  CHECK(text_of("<p>short</p>") == "short");
}

TEST_CASE("html: encodings: declared, by mark, UTF-8 in spite of the declaration, windows-1252 for the rest") {
  CHECK(text_of("<meta charset=iso-8859-1><p>caf\xe9 \x93quoted\x94</p>") == "caf\xc3\xa9 \xe2\x80\x9cquoted\xe2\x80\x9d");
  CHECK(text_of("<meta http-equiv=Content-Type content='text/html; charset=EUC-JP'><p>\xc6\xfc\xcb\xdc</p>") ==
        "\xe6\x97\xa5\xe6\x9c\xac");
  CHECK(text_of("<meta charset=latin1><p>caf\xc3\xa9</p>") == "caf\xc3\xa9");
  CHECK(text_of("<p>caf\xe9</p>") == "caf\xc3\xa9");
  CHECK(text_of("\xef\xbb\xbf<p>caf\xc3\xa9</p>") == "caf\xc3\xa9");
  CHECK(text_of(std::string("\xff\xfe<\0p\0>\0\xe9\0", 10)) == "\xc3\xa9");
  CHECK(text_of("<?xml version='1.0' encoding='koi8-r'?><html><p>\xc4\xc1</p></html>") == "\xd0\xb4\xd0\xb0");
  CHECK(text_of("<meta charset=utf-8><p>bad \xff byte</p>") == "bad \xef\xbf\xbd byte");
  CHECK(text_of("<meta charset=nonsense><p>caf\xe9</p>") == "caf\xc3\xa9");
  CHECK(declared_encoding("<meta charset = \"UTF-8\">") == "utf-8");
  CHECK(declared_encoding("no charset here") == "");
  CHECK(to_utf8(std::string_view("a\0b", 3)) == "a b");
}

TEST_CASE("encodings: what nobody declared is detected, on the Universal Declaration of Human Rights in 11 legacy encodings") {
  REQUIRE_SHARED(shared);
  const std::pair<const char*, const char*> kTexts[] = {
      {"deu_1996", "windows-1252"}, {"fra", "windows-1252"}, {"pol", "ISO-8859-2"},
      {"ces", "windows-1250"},      {"rus", "KOI8-R"},       {"rus", "windows-1251"},
      {"tur", "windows-1254"},      {"heb", "windows-1255"}, {"arb", "windows-1256"},
      {"tha", "windows-874"},       {"jpn", "EUC-JP"},       {"jpn", "windows-31j"},
      {"kor", "windows-949"},       {"cmn_hans", "gb18030"}};
  for (const auto& [language, encoding] : kTexts) {
    // Without tags, and what this encoding can hold: its own round trip.
    const std::string xml = read_file(shared / fmt::format("data/udhr/udhr_{}.xml", language));
    std::string plain;
    bool inside = false;
    for (const char c : xml) {
      inside = c == '<' || (inside && c != '>');
      if (!inside && c != '>') plain += c;
    }
    const std::string bytes = encoded(plain, encoding), what = fmt::format("{} {}", language, encoding);
    CHECK_MESSAGE(to_utf8(bytes) == to_utf8(bytes, encoding), what);
    CHECK_MESSAGE(to_utf8(bytes.substr(bytes.size() / 2, 1500)) == to_utf8(bytes.substr(bytes.size() / 2, 1500), encoding), what);
  }
  CHECK(!known_encoding("ibm-37"));  // EBCDIC
  CHECK(!known_encoding("../../etc/x"));
  CHECK(!known_encoding(""));
  CHECK(known_encoding("Latin1"));
}

TEST_CASE("encodings: the server's word comes before the page's, a byte order mark before both") {
  CHECK(extract_html("<meta charset=utf-8><p>\xc4\xc1</p>", "koi8-r").text == "\xd0\xb4\xd0\xb0");
  CHECK(extract_html("<meta charset=koi8-r><p>\xc4\xc1</p>", "no-such-thing").text == "\xd0\xb4\xd0\xb0");
  CHECK(extract_html("\xef\xbb\xbf<p>\xc3\xa9</p>", "koi8-r").text == "\xc3\xa9");
}

TEST_CASE("html: hostile pages give some text or none, quickly, and always UTF-8") {
  const auto fine = [](const std::string& page) {
    const HtmlText text = extract_html(page);
    CHECK(text::valid_utf8_prefix(text.text) == text.text.size());
  };
  std::string deep;
  for (int i = 0; i < 200'000; ++i) deep += "<div>";
  fine(deep + "text");
  fine("<p " + std::string(5'000'000, 'a') + "=1>text</p>");
  fine("<p class='" + std::string(5'000'000, ' ') + "x'>text</p>");
  fine(std::string("<p>a\0b\0</p>\0\0<", 15));
  fine(std::string(100'000, '<'));
  fine(std::string(100'000, '&'));
  fine("<!--" + std::string(100'000, '-'));
  fine("");
  fine("   ");
  fine("\xff\xfe");
  fine("<table>" + std::string(20'000, 'x') + "<tr><td><table><tr><td>");
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += "<a href=x>y</a><br>";
  fine(many);
  std::uint32_t state = 1;
  for (int round = 0; round < 300; ++round) {
    std::string noise;
    for (int i = 0; i < 400; ++i) {
      state = state * 1664525 + 1013904223;
      noise += round % 2 ? static_cast<char>(state >> 24) : "<>/=\"'&;! aphdivultr-0"[(state >> 24) % 22];
    }
    fine("<html><body>" + noise);
  }
}

TEST_CASE("xml: each run between tags is a line, white space is one space, references and CDATA are text") {
  CHECK(xml_text(
            "<?xml version='1.0'?>\n<a>\n  <b>the cat\n     sat</b>\n  <c/><b>on &lt;the&gt; mat &amp;amp; <!-- not this -->ran "
            "&#x41;</b>\n<![CDATA[<5>]]></a>",
            "x") == "the cat sat\non <the> mat &amp; ran A\n<5>\n");
  CHECK(xml_text("<?xml version='1.0' encoding='ISO-8859-1'?><a>Z\xFCrich</a>", "x") == "Z\u00FCrich\n");
  std::string long_text;
  for (int i = 0; i < 100'000; ++i) long_text += "word ";
  CHECK(xml_text("<a>" + long_text + "</a>", "x") == long_text.substr(0, long_text.size() - 1) + "\n");
  // A prefix that nobody declared, as pages that say they are XHTML have them.
  CHECK(xml_text("<a xmlns='no address'><b:c d:e='f'>x</b:c> y</a>", "x") == "x\ny\n");
  const auto says = [](const std::string& xml, const std::string& error) {
    CHECK(test::error_of([&] { xml_text(xml, "x.xml"); }).find("x.xml: " + error) == 0);
  };
  says("", "expected an XML document");
  says("<a>\n<b>x</a>", "line 2: Opening and ending tag mismatch");
  says("<a>\xFF</a>", "line 1: Input is not proper UTF-8");
  says("<a>x", "line 1: ");
  says("<b:a>\n<c>x</b:a>", "line 2: Opening and ending tag mismatch");
  says("<!DOCTYPE a [<!ENTITY e 'eeee'>]><a>&e;&e;</a>", "line 1: Entity 'e' not defined");
  says("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a>&x;</a>", "line 1: Entity 'x' not defined");
}

TEST_CASE("jsonl: a document per line, empty lines skipped, wrong ones named") {
  const JsonlReader reader;
  const std::vector<Document> documents =
      documents_of(reader, "{\"text\": \"a\", \"url\": \"u\"}\n\n  \r\n{\"text\": \"b\", \"metadata\": {\"language\": \"de\"}}");
  REQUIRE(documents.size() == 2);
  CHECK(documents[0].url == "u");
  CHECK(documents[1].language == "de");
  CHECK(error_of([&] { documents_of(reader, "{\"text\": \"a\"}\n{\"text\": [\"b\"]}\n"); }) ==
        "x: line 2: \"text\": expected a string, found a list");
  CHECK(error_of([&] { documents_of(reader, "{\"text\": \"a\"}\n{\"text\""); }).starts_with("x: line 2: column "));
}

TEST_CASE("sources: kinds by name and by content") {
  const auto is_html = [](std::string_view name, std::string_view bytes) {
    return dynamic_cast<const HtmlReader*>(&source_reader("auto", name, bytes)) != nullptr;
  };
  CHECK(is_html("a.HTML.gz", ""));
  CHECK(is_html("a", "<!DOCTYPE html><p>"));
  CHECK_FALSE(is_html("a.txt", "<html>"));
  CHECK(dynamic_cast<const JsonlReader*>(&source_reader("auto", "a.jsonl.zst", "")) != nullptr);
  CHECK(error_of([] { source_reader("pdf", "a", ""); }) ==
        "unknown kind of source 'pdf'; known: html, text, jsonl, warc, parquet, auto");
  CHECK(documents_of(TextReader(), "caf\xe9")[0].text == "caf\xc3\xa9");
}

TEST_CASE("languages in one form, and out of paths") {
  CHECK(normal_language("de-DE") == "de");
  CHECK(normal_language("pt_BR.UTF-8") == "pt-br");
  CHECK(normal_language("zh_CN") == "zh-cn");
  CHECK(normal_language("ja-JP") == "ja");
  CHECK(normal_language("en-US") == "en");
  CHECK(normal_language("en-GB") == "en-gb");
  CHECK(normal_language("") == "und");
  CHECK(normal_language("english") == "und");
  CHECK(normal_language("x") == "und");
  CHECK(normal_language("<b>") == "und");
  const LanguageRule rule("\\.([a-z]{2}(-[a-z]{2})?)\\.html$");
  CHECK(rule.language_of("ch01.zh-tw.html") == "zh-tw");
  CHECK(rule.language_of("ch01.html") == "");
  CHECK(error_of([] { LanguageRule("(["); }).starts_with("language_from: '([' is not a regular expression"));
  CHECK(error_of([] { LanguageRule("abc"); }) == "language_from: 'abc' has no group for the language");
}

TEST_CASE("licences out of copyright files") {
  CHECK(spdx_of_dep5("GPL-2+") == "GPL-2.0-or-later");
  CHECK(spdx_of_dep5("GPL-2.0+ or CC-BY-SA-3.0") == "GPL-2.0-or-later OR CC-BY-SA-3.0");
  CHECK(spdx_of_dep5("GFDL-NIV-1.2+ and Expat") == "GFDL-1.2-no-invariants-or-later AND MIT");
  CHECK(spdx_of_dep5("LGPL-2.1-only") == "LGPL-2.1-only");
  CHECK(spdx_of_dep5("My-Own") == "unknown");
  CHECK(licence_of_copyright_file(
            "Format: https://x\n\nFiles: debian/*\nLicense: MIT\n\nFiles: *\nCopyright: x\nLicense: GPL-2+\n text\n") ==
        "GPL-2.0-or-later");
  CHECK(licence_of_copyright_file("Format: https://x\n\nFiles:\n *\nLicense: GPL-3\n") == "GPL-3.0-only");
  CHECK(licence_of_copyright_file("It is\nlicensed under the terms of the GNU GPL, version 2.\n\nA copy") == "GPL-2.0-only");
  CHECK(licence_of_copyright_file("under the terms of the GNU General Public License as published by\nthe Free Software "
                                  "Foundation; either version 2 of the "
                                  "License, or\n(at your option) any later version.") == "GPL-2.0-or-later");
  CHECK(licence_of_copyright_file("GNU Free Documentation License, Version 1.2 or any later version") == "GFDL-1.2-or-later");
  CHECK(licence_of_copyright_file("Creative Commons Attribution-ShareAlike 4.0 International") == "CC-BY-SA-4.0");
  CHECK(licence_of_copyright_file("Creative Commons Attribution-NonCommercial 4.0") == "unknown");
  CHECK(licence_of_copyright_file("all rights reserved") == "unknown");
  CHECK(licence_of_copyright_file("") == "unknown");
}
