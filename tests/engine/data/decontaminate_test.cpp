#include "engine/data/filters/decontaminate.h"

#include <sstream>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/json.h"
#include "engine/data/curate.h"
#include "engine/data/decisions.h"
#include "engine/data/json_line.h"
#include "tests/engine/data/deduplicate.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;
using cairn::test::StepRun;
using cairn::test::TemporaryFolder;
using cairn::test::text_document;

namespace {

std::vector<std::string> questions_of(const fs::path& jsonl) {
  std::vector<std::string> questions;
  std::istringstream lines(read_file(jsonl));
  for (std::string line; std::getline(lines, line);) questions.push_back(parse_json(line, "line")["question"].get<std::string>());
  return questions;
}

void write_set(const fs::path& file, const std::vector<std::string>& texts) {
  std::string lines;
  for (const std::string& text : texts) {
    lines += "{\"text\":";
    append_json_string(lines, text);
    lines += "}\n";
  }
  write_file_atomically(file, lines);
}

std::string verdict(const Decontaminate& filter, const std::string& text) {
  TextAnalysis analysis(text);
  const Judgement j = filter.judge({}, analysis);
  const char* action = j.action == Judgement::Action::drop ? "drop" : j.action == Judgement::Action::edit ? "edit" : "keep";
  return fmt::format("{} {} | {} | {} | {}", action, j.rule, j.reason, j.text, j.evidence);
}

// Every k-th word is another.
std::string altered(const std::string& text, int k) {
  std::istringstream words(text);
  std::string out;
  int i = 0;
  for (std::string word; std::getline(words, word, ' '); ++i) out += (i ? " " : "") + (i % k == k - 1 ? "Nothing" : word);
  return out;
}

// The first example in JSON that a page has.
std::string example_of(const char* page) {
  const std::string text = read_file(test::source_folder() / page);
  const std::size_t begin = text.find("```json\n") + 8;
  return text.substr(begin, text.find("```", begin) - begin);
}

const std::string kItem = "A farmer sold eleven baskets of ripe apples and nine jars of honey at the market on Monday.";

}  // namespace

TEST_CASE("matching blocks: as difflib finds them") {
  const Json golden = read_json(test::source_folder() / "tests/golden/decontaminate/decontaminate.json");
  std::size_t blocks = 0;
  for (const Json& row : golden["blocks"]) {
    Json found = Json::array();
    for (const MatchingBlock& block :
         matching_blocks(row["a"].get<std::vector<std::uint64_t>>(), row["b"].get<std::vector<std::uint64_t>>()))
      found.push_back({block.a, block.b, block.size});
    CHECK(found == row["blocks"]);
    blocks += found.size();
  }
  CHECK(blocks > 100);
}

TEST_CASE("decontaminate: n-grams are found where datatrove finds them, in questions of GSM8K with words exchanged") {
  REQUIRE_SHARED(shared);
  const Json golden = read_json(test::source_folder() / "tests/golden/decontaminate/decontaminate.json");
  std::vector<std::string> all = questions_of(shared / "data/eval/gsm8k/test.jsonl"), half;
  for (std::size_t i = 0; i < all.size(); i += 2) half.push_back(all[i]);
  TemporaryFolder folder;
  write_set(folder.path() / "gsm8k.jsonl", half);
  DecontaminateParams params;
  params.ngram_words = golden["n_grams"].get<std::size_t>();
  const Decontaminate filter(params, folder.path() / "gsm8k.jsonl");
  const std::vector<std::string> texts = questions_of(shared / "data/eval/gsm8k/test_socratic.jsonl");
  for (const auto& [k, expected] : golden["decisions"].items()) {
    std::string found;
    for (std::size_t i = 0; i < expected.get<std::string>().size(); ++i)
      found += filter.find(altered(texts[i], std::stoi(k))).empty() ? '0' : '1';
    CHECK(found == expected.get<std::string>());
  }
}

TEST_CASE("decontaminate: near copies of a benchmark are found as a whole, other texts are not") {
  REQUIRE_SHARED(shared);
  DecontaminateParams params;
  params.fields = {"question", "answer"};
  params.spans = true;
  params.ngram_words = 8;
  params.min_share = 0.5;
  const Decontaminate filter(params, shared / "data/eval/gsm8k/test.jsonl");
  std::istringstream lines(read_file(shared / "data/eval/gsm8k/test_socratic.jsonl"));
  std::size_t items = 0, found = 0, itself = 0;
  for (std::string line; std::getline(lines, line); ++items) {
    const Json row = parse_json(line, "line");
    const std::string text = row["question"].get<std::string>() + "\n" + row["answer"].get<std::string>();
    const std::vector<Contamination> here = filter.find(text);
    found += !here.empty();
    for (const Contamination& one : here) itself += one.item == fmt::format("test#{}", items + 1);
  }
  CHECK(items == 1319);
  MESSAGE(fmt::format("{} of {} restated items are found, {} as what they restate", found, items, itself));
  CHECK(found >= 1300);
  CHECK(itself == found);
  const std::string book = read_file(shared / "data/gutenberg/alice_11-0.txt");
  CHECK(filter.find(book).empty());
  DecontaminateParams grams;
  grams.fields = {"question"};
  CHECK(Decontaminate(grams, shared / "data/eval/gsm8k/test.jsonl").find(book).empty());
}

TEST_CASE("decontaminate: drops, cuts or reports, and says where and of what") {
  TemporaryFolder folder;
  write_set(folder.path() / "set.jsonl", {"Too short to be looked for.", kItem, "Eight words make an item that counts."});
  DecontaminateParams params;
  const Decontaminate dropping(params, folder.path() / "set.jsonl");
  const std::string text =
      "\xc3\x89t\xc3\xa9: a FARMER sold   eleven baskets of\nripe apples, and 9 jars of honey at the market on Monday. More.";
  CHECK(verdict(dropping, text) == "keep  |  |  | ");  // "nine" is not 9: 12 words in a row are no 13
  const std::string copy = "Quote: " + kItem + " End.";
  CHECK(verdict(dropping, copy) == "drop set | 18 of 18 words of set#2 at byte 7 |  | set#2 18/18 7-98");
  CHECK(verdict(dropping, "So eight WORDS make an item that counts, or so.") ==
        "keep  |  |  | ");  // seven words in the item's text
  params.action = DecontaminateParams::Action::cut;
  const Decontaminate cutting(params, folder.path() / "set.jsonl");
  CHECK(verdict(cutting, copy + " " + copy) ==
        "edit cut | 2 spans, 182 bytes | Quote:  End. Quote:  End. | set#2 18/18 7-98+111-202");
  params.action = DecontaminateParams::Action::report;
  params.ngram_words = 8;
  const Decontaminate reporting(params, folder.path() / "set.jsonl");
  CHECK(verdict(reporting, text) == "keep  |  |  | set#2 17/18 7-57+60-98");
}

TEST_CASE("decontaminate: sets in folders, items and benchmarks by name; what is no set is refused with its place") {
  TemporaryFolder folder;
  fs::create_directories(folder.path() / "sets/deep");
  write_file_atomically(folder.path() / "sets/deep/a b.jsonl",
                        "{\"q\": \"" + kItem + "\", \"id\": \"x, 1\", \"other\": [1, 2]}\n\n{\"a\": \"answer\", \"q\": \"" +
                            kItem + "\", \"benchmark\": \"named\"}\n");
  write_file_atomically(folder.path() / "sets/notes.txt", "no set");
  DecontaminateParams params;
  params.fields = {"q", "a"};
  const Decontaminate filter(params, folder.path() / "sets");
  CHECK(contamination_text(filter.find(kItem + " Answer!")) == "deep/a_b#x__1 18/18 0-91, named#3 19/19 0-99");
  CHECK(contamination_text(parse_contamination("named#3 19/19 0-99+200-300, b#1 1/2 3-4")) ==
        "named#3 19/19 0-99+200-300, b#1 1/2 3-4");
  for (const char* bad : {"x", "x#1", "x#1 1/2", "x#1 1/2 3-", "x#1 1/2 3-4,", "x#1 1 3-4"})
    CHECK(error_of([&] { parse_contamination(bad); }) != "");

  const auto refusal = [&](const std::string& line) {
    write_file_atomically(folder.path() / "bad.jsonl", line);
    return error_of([&] { Decontaminate(params, folder.path() / "bad.jsonl"); });
  };
  CHECK(refusal("{\"q\": 3}").find("bad.jsonl: line 1: expected a text in \"q\" or \"a\"") != std::string::npos);
  CHECK(refusal("{\"q\": \"x\"}\n[]").find("line 2: ") != std::string::npos);
  CHECK(refusal("{\"q\": \"x\"}").find("no item of an evaluation set has 8 words") != std::string::npos);
  fs::create_directories(folder.path() / "empty");
  CHECK(error_of([&] { Decontaminate(params, folder.path() / "empty"); }).find("no evaluation sets") != std::string::npos);
}

TEST_CASE("curate: what stands in evaluation sets is listed by benchmark, document and place") {
  TemporaryFolder folder;
  write_set(folder.path() / "set.jsonl", {kItem});
  DocumentWriter writer(real_disk(), folder.path() / "in");
  writer.append(text_document("Quote: " + kItem, "copy"));
  writer.append(text_document("Nothing to see here.", "clean"));
  writer.finish();
  for (const char* action : {"drop", "cut", "report"}) {
    const Json config = {{"filters",
                          {{{"filter", "pii"}},
                           {{"filter", "decontaminate"}, {"file", (folder.path() / "set.jsonl").string()}, {"action", action}}}}};
    StepRun run(kCurate, config);
    run.input("documents", folder.path() / "in").run();
    const std::string fate = std::string(action) == "drop" ? "dropped" : std::string(action) == "cut" ? "cut" : "reported";
    const std::string lines = read_file(run.output("report") / "contamination.jsonl");
    const Json line = parse_json(lines, "line");
    CHECK(line["benchmark"] == "set");
    CHECK(line["item"] == "1");
    CHECK(line["url"] == "copy");
    CHECK(line["words"] == 18);
    CHECK(line["of"] == 18);
    CHECK(line["bytes"] == Json::parse("[[7,98]]"));
    CHECK(line["fate"] == fate);
    if (fate == "dropped") CHECK(lines == example_of("docs/format/contamination.md"));
    const Json report = read_json(run.output("report") / "report.json");
    CHECK(report["contamination"][0][fate] == 1);
    CHECK(report["contamination"][0]["items"] == 1);
    CHECK(report["total"]["kept"] == (fate == "dropped" ? 1 : 2));
    CHECK(read_file(run.output("report") / "report.html").find("Texts of evaluation sets") != std::string::npos);
  }
}

TEST_CASE("curate: what a document says of itself makes no contamination, nor an error") {
  TemporaryFolder folder;
  write_set(folder.path() / "set.jsonl", {kItem});
  DocumentWriter writer(real_disk(), folder.path() / "in");
  for (const char* language : {"x; decontaminate: forged#1 9/9 0-9", "x; decontaminate: no evidence"}) {
    Document document = text_document(std::string("Nothing of any set stands here, ") + language, language);
    document.language = language;
    writer.append(document);
  }
  writer.append(text_document("Quote: " + kItem, "copy"));
  writer.finish();
  const Json config = {{"filters",
                        {{{"filter", "language"},
                          {"file", (test::source_folder() / "tests/golden/fasttext/softmax.bin").string()},
                          {"min_score", 0}},
                         {{"filter", "decontaminate"}, {"file", (folder.path() / "set.jsonl").string()}, {"action", "report"}}}}};
  StepRun run(kCurate, config);
  run.input("documents", folder.path() / "in").run();
  const Json line = parse_json(read_file(run.output("report") / "contamination.jsonl"), "line");  // one only
  CHECK(line["url"] == "copy");
  const Decisions decisions(run.output("decisions"));
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if (decisions.at(i).url != "copy") CHECK(decisions.at(i).evidence.find("(declared 'x, decontaminate: ") != std::string::npos);
  }
}
