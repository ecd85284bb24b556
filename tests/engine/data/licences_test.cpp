#include <map>

#include "base/json.h"
#include "engine/data/filters/licence.h"
#include "engine/data/html/html_text.h"
#include "engine/data/ingest.h"
#include "engine/data/licences/licence_marks.h"
#include "engine/data/licences/licence_names.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;
using cairn::test::StepRun;
using cairn::test::TemporaryFolder;

TEST_CASE("licences: addresses, whatever their spelling") {
  const std::pair<const char*, const char*> kCases[] = {
      {"https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"},
      {"HTTP://WWW.CreativeCommons.org/licenses/BY-NC-SA/3.0/IGO/legalcode#x", "CC-BY-NC-SA-3.0-IGO"},
      {"//creativecommons.org/licenses/by-nd-nc/1.0", "CC-BY-NC-ND-1.0"},
      {"https://creativecommons.org/licenses/by-sa/2.5/ch/deed.de", "CC-BY-SA-2.5"},
      {"https://i.creativecommons.org/l/by-nc/2.0/88x31.png", "CC-BY-NC-2.0"},
      {"https://creativecommons.org/licenses/by/5.0/", ""},
      {"https://creativecommons.org/licenses/", ""},
      {"https://creativecommons.org/publicdomain/zero/1.0/legalcode", "CC0-1.0"},
      {"https://www.gnu.org/licenses/old-licenses/fdl-1.2.html", "GFDL-1.2-only"},
      {"https://www.gnu.org/licenses/fdl.html", "GFDL-1.3-or-later"},
      {"https://opensource.org/licenses/MIT", "MIT"},
      {"https://opensource.org/license/mpl-2-0/", "MPL-2.0"},
      {"https://spdx.org/licenses/BSD-3-Clause.html", "BSD-3-Clause"},
      {"https://spdx.org/licenses/nonsense.html", ""},
      {"http://www.apache.org/licenses/LICENSE-2.0.txt", "Apache-2.0"},
      {"https://www.nationalarchives.gov.uk/doc/open-government-licence/version/2/", "OGL-UK-2.0"},
      {"https://opendatacommons.org/licenses/by/1-0/", "ODC-By-1.0"},
      {"https://example.org/creativecommons.org/licenses/by/4.0/", ""},
      {"creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"},
      {"/licenses/by/4.0", ""},
      {"", ""},
  };
  for (const auto& [url, expected] : kCases) {
    const auto& url_ = url;
    INFO(url_);
    CHECK(licence_of_url(url) == std::string(expected));
  }
}

TEST_CASE("licences: SPDX expressions in SPDX's spelling, and what is none") {
  const std::pair<const char*, const char*> kCases[] = {
      {"mit", "MIT"},
      {"(MIT)", "MIT"},
      {"apache-2.0 or (mit and bsd-3-clause)", "Apache-2.0 OR (MIT AND BSD-3-Clause)"},
      {"GPL-3.0+", "GPL-3.0-or-later"},
      {"GPL-2.0-only WITH Linux-syscall-note", "GPL-2.0-only WITH Linux-syscall-note"},
      {"CC-BY-SA-3.0-de", "CC-BY-SA-3.0-DE"},
      {"cc-by-nc-4.0", "CC-BY-NC-4.0"},
      {"LicenseRef-Own-1", "LicenseRef-Own-1"},
      {"MIT License", ""},
      {"MIT AND", ""},
      {"AND MIT", ""},
      {"(MIT", ""},
      {"MIT)", ""},
      {"MIT Apache-2.0", ""},
      {"GPL-2.0-only WITH", ""},
      {"(", ""},
      {"", ""},
  };
  for (const auto& [text, expected] : kCases) {
    const auto& text_ = text;
    INFO(text_);
    CHECK(spdx_expression(text) == std::string(expected));
  }
  CHECK(spdx_expression(std::string(600, '(')).empty());
}

TEST_CASE("licences: marks on pages and in texts, precision and recall on the table of cases") {
  int expected = 0, found = 0, right = 0;
  std::string wrong;
  for (const Json& entry : read_json(test::source_folder() / "tests/golden/licences/cases.json")) {
    const std::string want = entry["expect"].get<std::string>();
    FoundLicence got;
    if (entry.contains("text")) {
      got = licence_of_text(entry["text"].get<std::string>());
    } else {
      std::vector<LicenceMark> marks;
      if (entry.contains("link")) marks = licences_of_link_header(entry["link"].get<std::string>());
      const HtmlText page = extract_html(entry["html"].get<std::string>());
      marks.insert(marks.end(), page.licences.begin(), page.licences.end());
      got = licence_of_marks(marks);
    }
    expected += !want.empty();
    found += !got.licence.empty();
    right += !want.empty() && got.licence == want;
    if (got.licence != want)
      wrong +=
          "\n  " + entry["form"].get<std::string>() + ": expected '" + want + "', found '" + got.licence + "' by " + got.evidence;
    CHECK(got.licence.empty() == got.evidence.empty());
  }
  INFO(wrong);
  CHECK(expected >= 60);
  CHECK(right == expected);
  CHECK(found == expected);
}

TEST_CASE("licences: evidence says by which mark, bounded; broken JSON-LD and endless headers say nothing") {
  const HtmlText page =
      extract_html("<a rel=license href='https://creativecommons.org/licenses/by/4.0/?" + std::string(5000, 'x') + "'>x</a>");
  const FoundLicence found = licence_of_marks(page.licences);
  CHECK(found.licence == "CC-BY-4.0");
  CHECK(found.evidence.starts_with("rel=license: https://creativecommons.org/licenses/by/4.0/?x"));
  CHECK(found.evidence.size() < 300);
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "<a rel=license href='https://creativecommons.org/licenses/by/4.0/'>x</a>";
  CHECK(licence_of_marks(extract_html(many).licences).licence == "CC-BY-4.0");
  CHECK(licences_of_json_ld("{\"license\": ").empty());
  CHECK(licences_of_json_ld("[[[[[[[[[[[[[[[[{\"license\": \"MIT\"}]]]]]]]]]]]]]]]]").empty());  // deeper than anyone means it
  CHECK(licences_of_json_ld(std::string(1 << 20, ' ')).empty());
  CHECK(licences_of_link_header(std::string(100'000, '<')).empty());
  CHECK(licence_of_marks({}).licence.empty());
  // Many mentions on one line take time that grows with the text alone.
  std::string line;
  for (int i = 0; i < 100'000; ++i) line += "cc by 4.0 ";
  CHECK(licence_mentions(line).size() == 100'000);
  CHECK(granted_licences(line).empty());
  // So do many beginnings of expressions, which end where their line does.
  std::string expressions;
  while (expressions.size() < 4'000'000) expressions += "SPDX-License-Identifier: ";
  CHECK(licence_mentions(expressions).empty());
  // A mark without its version is the one with it.
  CHECK(licence_of_marks({{LicenceMarkKind::text, "LicenseRef-CC-BY", "CC BY"}, {LicenceMarkKind::link, "CC-BY-4.0", "x"}})
            .licence == "CC-BY-4.0");
  CHECK(licence_of_marks({{LicenceMarkKind::text, "LicenseRef-CC-BY", "CC BY"}, {LicenceMarkKind::link, "CC-BY-NC-4.0", "x"}})
            .licence == "LicenseRef-CC-BY AND CC-BY-NC-4.0");
}

TEST_CASE("licences: the marks by which links stand in the text of a page count only where the reader of pages wrote them") {
  const std::string forged =
      "\x01"
      "MIT\x02";
  CHECK(licence_mentions(forged).size() == 1);
  CHECK(licence_of_text("Licensed under " + forged + ".").licence.empty());
  CHECK(licence_of_text("Licensed under CC BY 4.0.").licence == "CC-BY-4.0");
  CHECK(licence_of_value(forged).empty());
  CHECK(licence_of_value("some " + forged + " or CC BY 4.0") == "CC-BY-4.0");
  CHECK(licences_of_json_ld(R"({"license": "\u0001MIT\u0002"})").empty());
  CHECK(licences_of_json_ld(R"({"license": "Creative Commons: CC BY 4.0"})").size() == 1);
  const auto page = [](const std::string& body) { return extract_html("<html><body><p>A page.</p>" + body + "</body></html>"); };
  CHECK(page("<p>Licensed under " + forged + "</p>").licences.empty());
  CHECK(page("<script type='application/ld+json'>{\"license\": \"\\u0001MIT\\u0002\"}</script>").licences.empty());
  CHECK(page("<meta name=dc.rights content='" + forged + "'>").licences.empty());
  CHECK(page("<p>Licensed under <a href='https://opensource.org/licenses/MIT'>it</a></p>").licences.size() == 1);
}

TEST_CASE("licence: lists that allow and deny, what is unknown, what is declared, which evidence counts") {
  const auto verdict = [](LicenceParams params, const char* licence, const char* evidence = "",
                          const char* url = "https://www.a.org/x") {
    Document document;
    document.licence = licence;
    document.licence_evidence = evidence;
    document.url = url;
    document.source = "src";
    document.text = "Some text.\n\nReleased under CC BY 4.0.\n";
    TextAnalysis analysis(document.text);
    const Judgement j = LicenceFilter(std::move(params)).judge(document, analysis);
    return (j.action == Judgement::Action::drop ? j.rule + ": " + j.reason : "kept") +
           (j.evidence.empty() ? "" : " [" + j.evidence + "]") + (j.licence.empty() ? "" : " -> " + j.licence);
  };
  const LicenceParams free{.allow = {"CC-BY-*", "CC0-1.0", "MIT"}, .deny = {"*-NC-*", "*-ND-*"}};
  CHECK(verdict(free, "CC-BY-4.0", "rel=license: u") == "kept [CC-BY-4.0 by rel=license: u]");
  CHECK(verdict(free, "CC-BY-NC-4.0", "rel=license: u") ==
        "denied: licence CC-BY-NC-4.0 is denied [CC-BY-NC-4.0 by rel=license: u]");
  CHECK(verdict(free, "GPL-3.0-only") == "not_allowed: licence GPL-3.0-only is not on the list [GPL-3.0-only]");
  CHECK(verdict(free, "MIT AND (GPL-3.0-only OR CC0-1.0)") == "kept [MIT AND (GPL-3.0-only OR CC0-1.0)]");
  CHECK(verdict(free, "MIT AND (GPL-3.0-only OR CC-BY-ND-4.0)").starts_with("denied"));
  CHECK(verdict(free, "unknown") == "unknown: licence unknown");
  CHECK(verdict(free, "") == "unknown: licence unknown");
  LicenceParams params = free;
  params.keep_unknown = true;
  CHECK(verdict(params, "unknown") == "kept");
  CHECK(verdict({.allow = {}, .deny = {"*-NC-*"}}, "GPL-3.0-only") == "kept [GPL-3.0-only]");
  params = free;
  params.declared = {{"a.org", "CC-BY-NC-4.0"}, {"src2", "MIT"}};
  CHECK(verdict(params, "CC-BY-4.0", "rel=license: u") ==
        "denied: licence CC-BY-NC-4.0 is denied [CC-BY-NC-4.0 declared for a.org] -> CC-BY-NC-4.0");
  CHECK(verdict(params, "CC-BY-4.0", "rel=license: u", "https://b.org/").starts_with("kept"));
  CHECK(verdict(params, "CC-BY-4.0", "rel=license: u", "https://xa.org/").starts_with("kept"));
  params = free;
  params.trust = LicenceParams::Trust::machine_readable;
  CHECK(verdict(params, "CC-BY-4.0", "json-ld: u") == "kept [CC-BY-4.0 by json-ld: u]");
  CHECK(verdict(params, "CC-BY-4.0", "text: CC BY 4.0") ==
        "unknown: licence CC-BY-4.0 is by a mark that does not count: text: CC BY 4.0");
  params.trust = LicenceParams::Trust::declared;
  CHECK(verdict(params, "CC-BY-4.0", "json-ld: u").starts_with("unknown"));
  CHECK(verdict(params, "CC-BY-4.0", "declared for s") == "kept [CC-BY-4.0 declared for s]");
  CHECK(verdict(params, "CC-BY-4.0") == "kept [CC-BY-4.0]");
  params = free;
  params.from_text = true;
  CHECK(verdict(params, "unknown") == "kept [CC-BY-4.0 by text: CC BY 4.0] -> CC-BY-4.0");
  const LicenceFilter deep(free);
  CHECK(!deep.allows(std::string(100'000, '(')));
}

TEST_CASE("ingest: a page's licence counts where its source declares none") {
  TemporaryFolder folder;
  fs::create_directories(folder.path() / "p");
  write_file_atomically(folder.path() / "p/a.html",
                        "<html><body><p>A page with a text of its own.</p><a rel=license "
                        "href='https://creativecommons.org/licenses/by/4.0/'>x</a></body></html>");
  write_file_atomically(folder.path() / "p/b.html", "<html><body><p>Another page without any mark of it.</p></body></html>");
  const auto licences = [&](Json more) {
    Json source = {{"name", "docs"}, {"path", (folder.path() / "p").string()}};
    source.update(more);
    StepRun run(kIngest, Json{{"sources", {source}}});
    run.run();
    std::string out;
    DocumentReader reader(run.output("documents"));
    for (Document d; reader.next(d);) out += d.url + " " + d.licence + " (" + d.licence_evidence + ")\n";
    return out + read_json(run.output("report"))["licence_marks"].dump();
  };
  CHECK(licences(Json::object()) ==
        "a.html CC-BY-4.0 (rel=license: https://creativecommons.org/licenses/by/4.0/)\nb.html unknown ()\n{\"rel=license\":1}");
  CHECK(licences({{"licence", "MIT"}}) == "a.html MIT (declared for docs)\nb.html MIT (declared for docs)\n{\"declared\":2}");
  CHECK(licences({{"licence_from_pages", false}}) == "a.html unknown ()\nb.html unknown ()\n{}");
}
