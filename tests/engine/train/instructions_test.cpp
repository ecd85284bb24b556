#include "engine/train/instructions.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/train/conversations.h"
#include "engine/train/steps.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::train;

namespace {

const std::string kParagraph =
    "A cairn is a pile of stones that marks a path so that others can retrace it. People build them on mountains and beside old "
    "roads.";

data::Document document(const std::string& url, const std::string& language, const std::string& title) {
  data::Document d;
  d.text = title + "\n\n" + kParagraph + "\n\nshort line\n";
  d.id = "sha256:" + sha256(url).hex();
  d.source = "handbook";
  d.url = url;
  d.licence = "CC0-1.0";
  d.language = language;
  return d;
}

const Instruction* find(const std::vector<Instruction>& all, const std::string& rule) {
  const auto it = std::find_if(all.begin(), all.end(), [&](const Instruction& i) { return i.rule == rule; });
  return it == all.end() ? nullptr : &*it;
}

}  // namespace

TEST_CASE("instructions: names of languages") {
  CHECK(language_name("de") == "German");
  CHECK(language_name("de-CH") == "German");
  CHECK(language_name("pt_BR") == "Brazilian Portuguese");
  CHECK(language_name("zh-cn") == "Simplified Chinese");
  CHECK(language_name("und") == "");
  CHECK(language_name("") == "");
}

TEST_CASE("instructions: outline of a text") {
  const Outline outline = outline_of("  What a cairn is \n\n" + kParagraph + "\n| a | table " + std::string(80, '-') +
                                     "\nshort\n" + std::string(700, 'x'));
  CHECK(outline.title == "What a cairn is");
  REQUIRE(outline.paragraphs.size() == 1);
  CHECK(outline.paragraphs[0] == kParagraph);
  CHECK(outline_of(kParagraph).title == "");  // prose is no title
  CHECK(outline_of("").paragraphs.empty());
}

TEST_CASE("instructions: from one document") {
  const auto all = instructions_from(document("manual.en.html", "en", "What a cairn is"));
  REQUIRE(all.size() == 4);
  CHECK(find(all, "language")->assistant == "English.");
  CHECK(find(all, "language")->user == "In which language is this text written?\n\n" + kParagraph);
  CHECK(find(all, "topic")->user == "What is \"What a cairn is\" about?");
  CHECK(find(all, "topic")->assistant == kParagraph);
  CHECK(find(all, "title")->assistant == "What a cairn is");
  CHECK(find(all, "continue")->assistant == "People build them on mountains and beside old roads.");
  CHECK(instructions_from(document("x", "und", "")).size() == 1);  // no language, no title
}

TEST_CASE("instructions: translations are paired by path, around the circle") {
  CHECK(translation_key(document("html/manual.de.html", "de", "")) == "handbook:html/manual.*.html");
  CHECK(translation_key(document("pt-br/ch01.html", "pt_BR", "")) == "handbook:*/ch01.html");
  CHECK(translation_key(document("manual.html", "de", "")) == "");
  CHECK(translation_key(document("manual.de.html", "und", "")) == "");
  std::vector<TitledDocument> titles;
  for (const auto& [language, title] :
       std::map<std::string, std::string>{{"en", "Stones"}, {"de", "Steine"}, {"fr", "Pierres"}}) {
    titles.push_back(*titled(document("m." + language + ".html", language, title)));
  }
  titles.push_back(*titled(document("other.en.html", "en", "Alone")));
  const auto pairs = title_translations(titles);
  REQUIRE(pairs.size() == 3);
  CHECK(pairs[0].user == "Translate into English: Steine");
  CHECK(pairs[0].assistant == "Stones");
  CHECK(pairs[2].user == "Translate into German: Pierres");
  CHECK(pairs[0].group == pairs[2].group);
}

TEST_CASE("derive-instructions: a split that parts no document from its translations, the same bytes each time") {
  const test::TemporaryFolder folder;
  fs::create_directories(folder.path() / "documents");
  data::DocumentWriter writer(real_disk(), folder.path() / "documents");
  for (int i = 0; i < 60; ++i) {
    for (const char* language : {"de", "en", "fr"}) {
      writer.append(document("ch" + std::to_string(i) + "." + language + ".html", language,
                             "Chapter " + std::to_string(i) + " " + language));
    }
  }
  writer.finish();
  const char* config = R"({"held_out": 0.2, "most_per_rule": 100})";
  test::StepRun run(kDeriveInstructions, config), again(kDeriveInstructions, config);
  run.input("documents", folder.path() / "documents").seed(5).run();
  again.input("documents", folder.path() / "documents").seed(5).run();
  CHECK(run.digest("conversations") == again.digest("conversations"));

  std::set<std::string> groups[2];
  std::map<std::string, int> rules;
  int side = 0;
  for (const char* role : {"conversations", "held_out"}) {
    const std::string text = read_file(run.output(role) / "conversations.jsonl");
    for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const Json line = parse_json(std::string_view(text).substr(begin, end - begin), role);
      ++rules[line.at("rule")];
      for (int i = 0; i < 60; ++i) {
        for (const char* language : {"de", "en", "fr"}) {
          if (line.at("id") == "sha256:" + sha256("ch" + std::to_string(i) + "." + language + ".html").hex())
            groups[side].insert(std::to_string(i));
        }
      }
    }
    ++side;
  }
  CHECK(rules ==
        std::map<std::string, int>{{"continue", 100}, {"language", 100}, {"title", 100}, {"topic", 100}, {"translate", 100}});
  std::vector<std::string> both;
  std::set_intersection(groups[0].begin(), groups[0].end(), groups[1].begin(), groups[1].end(), std::back_inserter(both));
  CHECK(both.empty());
  CHECK(groups[1].size() > 4);  // about 12 of 60
  CHECK(groups[1].size() < 25);
  CHECK(read_conversations(run.output("conversations")).size() == run.facts("conversations").at("conversations"));
}

TEST_CASE("derive-instructions: of two documents one is held out, whatever the share; none when the share is zero") {
  const test::TemporaryFolder folder;
  fs::create_directories(folder.path() / "documents");
  data::DocumentWriter writer(real_disk(), folder.path() / "documents");
  writer.append(document("one.en.html", "en", "One"));
  writer.append(document("two.en.html", "en", "Two"));
  writer.finish();
  const char* little = R"({"held_out": 1e-9})";
  const char* nothing = R"({"held_out": 0})";
  test::StepRun some(kDeriveInstructions, little), none(kDeriveInstructions, nothing);
  some.input("documents", folder.path() / "documents").run();
  none.input("documents", folder.path() / "documents").run();
  CHECK(some.facts("held_out").at("conversations") == 4);
  CHECK(some.facts("conversations").at("conversations") == 4);
  CHECK(none.facts("held_out").at("conversations") == 0);
}

TEST_CASE("derive-instructions: documents that nothing can be asked about are refused") {
  const test::TemporaryFolder folder;
  fs::create_directories(folder.path() / "documents");
  data::DocumentWriter writer(real_disk(), folder.path() / "documents");
  data::Document d;
  d.text = "too short";
  d.id = "sha256:" + sha256(d.text).hex();
  writer.append(d);
  writer.finish();
  test::StepRun run(kDeriveInstructions);
  run.input("documents", folder.path() / "documents");
  CHECK(test::error_of([&] { run.run(); }).find("no conversation came out") != std::string::npos);
}
