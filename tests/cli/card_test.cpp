// cairn card: what a dataset's card and Croissant metadata say, from the ledger alone; and whether mlcroissant takes the latter.
#include <cstdlib>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/json.h"
#include "tests/cli/script.h"
#include "tests/support/test.h"

using namespace cairn;

namespace {

constexpr const char* kPipeline = R"({"pipeline": "p", "steps": {
  "corpus": {"step": "ingest", "config": {"sources": [
    {"name": "notes", "path": "notes", "glob": ["*.txt"], "kind": "text", "licence": "MIT", "language": "en"},
    {"name": "letters", "path": "letters", "glob": ["*.txt"], "kind": "text", "licence": "CC0-1.0", "language": "de"}]}},
  "clean": {"step": "curate", "inputs": {"documents": "corpus.documents"}, "config": {"filters": [
    {"filter": "licence", "allow": ["MIT", "CC0-1.0"]}, {"filter": "pii"}, {"filter": "exact_dedup"}]}},
  "mix": {"step": "mix", "inputs": {"documents": "clean.documents"}, "config": {"unit": "documents",
    "sources": [{"name": "all", "max_repeats": 2}], "stages": [{"name": "base", "passes": {"all": 1.5}}]}},
  "numbers": {"step": "describe", "inputs": {"documents": "mix.base"}}}})";

struct Published {
  test::TemporaryFolder folder;
  std::filesystem::path program;
  Published() {
    const char* binary = std::getenv("CAIRN_BIN");
    REQUIRE_MESSAGE(binary != nullptr, "CAIRN_BIN names the program under test");
    program = std::filesystem::absolute(binary).parent_path();
    std::filesystem::create_directories(folder.path() / "notes");
    std::filesystem::create_directories(folder.path() / "letters");
    for (int i = 0; i < 6; ++i) {
      std::ofstream(folder.path() / "notes" / fmt::format("{}.txt", i))
          << "Note " << i << " of the <cairn>, to stone" << i << "@example.org.\n";
      std::ofstream(folder.path() / "letters" / fmt::format("{}.txt", i))
          << "Brief " << i << " über den Steinmann | und den Weg.\n";
    }
    std::ofstream(folder.path() / "p.json") << kPipeline;
    REQUIRE(run("cairn -q init . && cairn -q run p.json").exit_code == 0);
    const test::CommandResult made =
        run("cairn card mix.base --out card --name 'Notes and letters' --creator 'The keepers' "
            "--description 'Twelve short texts.' --url https://example.org/notes");
    CHECK(made.output == std::vector<std::string>{"card: README.md, card.html, croissant.json, statistics.json of 18 documents"});
  }
  test::CommandResult run(const std::string& command) const { return test::run_shell(command, folder.path(), program); }
  std::string file(const char* name) const { return read_file(folder.path() / "card" / name); }
};

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("card: tells sources, licences, filters with what they did, mixture, personal data and hashes") {
  const Published published;
  const std::string card = published.file("README.md"), page = published.file("card.html");
  CHECK(says(card, "# Notes and letters\n\nTwelve short texts. SHA-256 "));
  CHECK(says(card, "| notes | MIT |"));
  CHECK(says(card, "| pii | "));
  CHECK(says(card, "6 documents edited"));
  CHECK(says(card, "licence in clean (run 2): 0 documents dropped."));
  CHECK(says(card, "mixture of mix (run 3): stage"));
  CHECK(says(card, "| base | all | 18 | 18 | 1.500 |\n"));
  CHECK(says(card, "| documents-00000.jsonl.zst | "));
  CHECK(says(page, "<h1>Notes and letters</h1>"));
  CHECK(says(page, "<style>"));
  CHECK_FALSE(says(page, "<script"));
  CHECK_FALSE(says(page, "src="));
  CHECK_FALSE(says(card, published.folder.path().string()));
  CHECK_FALSE(says(page, published.folder.path().string()));

  const Json statistics = read_json(published.folder.path() / "card/statistics.json");
  CHECK(statistics["total"]["documents"] == 18);
  std::int64_t documents = 0;
  for (const Json& one : statistics["lengths"]["bytes"]["classes"]) documents += one["documents"].get<std::int64_t>();
  CHECK(documents == 18);
  std::int64_t licensed = 0;
  for (const Json& licence : statistics["by_licence"]["listed"]) {
    licensed += licence["documents"].get<std::int64_t>();
    CHECK(says(card, fmt::format("| {} | {} |", licence["name"].get<std::string>(), licence["documents"].get<std::int64_t>())));
  }
  CHECK(licensed == 18);

  const std::string before = card;
  published.run(
      "cairn card mix.base --out card --name 'Notes and letters' --creator 'The keepers' --description 'Twelve short texts.' "
      "--url https://example.org/notes");
  CHECK(published.file("README.md") == before);  // a function of the ledger, not of the time
  CHECK(published.run("cairn card clean.report").exit_code == 2);
  CHECK(published.run("cairn card corpus.documents").output.front() == "# corpus@1");
}

TEST_CASE("card: tells what signals and opt-outs left out, and of a curation that changed nothing, too") {
  const test::TemporaryFolder folder;
  const char* binary = std::getenv("CAIRN_BIN");
  REQUIRE_MESSAGE(binary != nullptr, "CAIRN_BIN names the program under test");
  const auto run = [&](const std::string& command) {
    return test::run_shell(command, folder.path(), std::filesystem::absolute(binary).parent_path());
  };
  std::ofstream(folder.path() / "rows.jsonl")
      << R"({"text": "One text.", "url": "https://stays.org/a"})"
      << "\n"
      << R"({"text": "Two texts.", "url": "https://www.gone.org/b"})"
      << "\n"
      << R"({"text": "Three texts.", "url": "https://gone.org/c"})"
      << "\n"
      << R"({"text": "Four texts.", "url": "https://stays.org/d", "metadata": {"signals": "header x-robots-tag: noai"}})"
      << "\n";
  std::ofstream(folder.path() / "request.eml") << "Please leave our pages out.\n";
  std::ofstream(folder.path() / "p.json") << R"({"pipeline": "p", "steps": {
    "corpus": {"step": "ingest", "config": {"sources": [{"name": "rows", "path": "rows.jsonl"}]}},
    "clean": {"step": "curate", "inputs": {"documents": "corpus.documents"},
      "config": {"filters": [{"filter": "signals"}, {"filter": "optout", "file": "optout"}]}},
    "again": {"step": "curate", "inputs": {"documents": "clean.documents"}, "config": {"filters": [{"filter": "exact_dedup"}]}}}})";
  REQUIRE(
      run("cairn -q init . && cairn -q optout add gone.org --received 2026-11-20 --evidence request.eml && cairn -q run p.json")
          .exit_code == 0);
  const auto card_of = [&](const std::string& dataset) {
    std::string card;
    for (const std::string& line : run("cairn card " + dataset).output) card += line + "\n";
    return card;
  };
  const std::string card = card_of("again.documents");
  CHECK(says(card, "signals in clean (run 2): 1 documents dropped.\n"));
  CHECK(says(card, "optout in clean (run 2): 2 documents dropped.\n"));
  CHECK(says(card, "| gone.org | 2026-11-20 |\n"));
  CHECK(says(card, "| signals | "));
  CHECK(says(card, " | 4 | 1 | 0 |\n"));
  CHECK(says(card, "| optout | file optout | 3 | 2 | 0 |\n"));
  CHECK(says(card, "| clean | 1 of 4 documents kept"));
  CHECK(says(card, "| again | 1 of 1 documents kept"));
  CHECK(says(card, "| exact_dedup | by text, keep first | 1 | 0 | 0 |\n"));
  CHECK(card_of("clean.documents") == card);  // the same documents
  // A run that made them again, for comparison, is none that they come from.
  REQUIRE(run("cairn reproduce again.documents").exit_code == 0);
  CHECK(card_of("again.documents") == card);
}

TEST_CASE("card: mlcroissant takes its Croissant metadata, without an error or a warning") {
  const Published published;
  const Json croissant = read_json(published.folder.path() / "card/croissant.json");
  CHECK(croissant["conformsTo"] == "http://mlcommons.org/croissant/1.0");
  CHECK(croissant["license"].size() == 2);
  CHECK(croissant["creator"]["name"] == "The keepers");
  CHECK(croissant["distribution"][0]["sha256"].get<std::string>().size() == 64);
  const char* python = std::getenv("CAIRN_PYTHON");
  if (python == nullptr) SKIP_TEST("needs CAIRN_PYTHON with mlcroissant");
  if (published.run(fmt::format("'{}' -c 'import mlcroissant'", python)).exit_code != 0)
    SKIP_TEST("needs mlcroissant in CAIRN_PYTHON");
  const test::CommandResult checked = published.run(fmt::format(
      "'{}' '{}' card/croissant.json", python, (test::source_folder() / "tests/golden/croissant/check_croissant.py").string()));
  for (const std::string& line : checked.output) MESSAGE(line);
  CHECK(checked.exit_code == 0);
  CHECK(checked.output.empty());
}
