// cairn why finds every document of a workspace, by address, by the end of it, and by id, and says of each what the curation and
// the mixture decided.
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include <fmt/format.h>

#include "base/json.h"
#include "tests/cli/script.h"
#include "tests/support/test.h"

using namespace cairn;

namespace {

constexpr const char* kPipeline = R"({"pipeline": "p", "steps": {
  "corpus": {"step": "ingest", "config": {"sources": [{"name": "notes", "path": "notes", "glob": ["**/*.txt"], "kind": "text", "licence": "MIT"}]}},
  "clean": {"step": "curate", "inputs": {"documents": "corpus.documents"},
    "config": {"filters": [{"filter": "exact_dedup"}], "held_out": {"fraction": 0.2}}},
  "mix": {"step": "mix", "inputs": {"documents": "clean.documents"}, "config": {"unit": "documents",
    "sources": [{"name": "all"}], "stages": [{"name": "base", "budgets": {"all": 10}}, {"name": "later", "budgets": {"all": 5}}]}}}})";

Json asked(const std::string& command, const std::filesystem::path& folder, const std::filesystem::path& program) {
  const test::CommandResult result = test::run_shell(command, folder, program);
  std::string text;
  for (const std::string& line : result.output) text += line + "\n";
  return parse_json(text, command);
}

}  // namespace

TEST_CASE("why: every document of a workspace is found, and its answer is that of the decisions") {
  const char* binary = std::getenv("CAIRN_BIN");
  REQUIRE_MESSAGE(binary != nullptr, "CAIRN_BIN names the program under test");
  const std::filesystem::path program = std::filesystem::absolute(binary).parent_path();
  const test::TemporaryFolder folder;
  for (int i = 0; i < 30; ++i) {
    const std::filesystem::path note = folder.path() / "notes" / fmt::format("{}", i % 4) / fmt::format("note {}.txt", i);
    std::filesystem::create_directories(note.parent_path());
    std::ofstream(note) << "A note about stone " << i % 25 << " of the cairn.\n";  // five texts twice
  }
  std::ofstream(folder.path() / "p.json") << kPipeline;
  REQUIRE(test::run_shell("cairn -q init . && cairn -q run p.json", folder.path(), program).exit_code == 0);

  std::map<std::string, std::map<std::string, std::string>> expected;  // url -> step -> verdict
  std::map<std::string, std::string> ids;
  for (const char* step : {"clean", "mix"}) {
    const Json shown = asked(fmt::format("cairn docs {} --all --json", step), folder.path(), program);
    for (const Json& document : shown["documents"]) {
      expected[document["url"]][step] = document["verdict"];
      ids[document["url"]] = document["id"];
    }
  }
  REQUIRE(expected.size() == 30);
  for (const auto& [address, verdicts] : expected) {
    const std::string& url = address;  // which CAPTURE can refer to
    CAPTURE(url);
    const std::string end = url.substr(url.rfind('/') + 1);
    for (const std::string& name : {url, end, ids.at(url)}) {
      std::map<std::string, std::string> found;
      const Json answer = asked(fmt::format("cairn why '{}' --json", name), folder.path(), program);
      for (const Json& document : answer["documents"]) {
        if (document["url"] == url) found[document["step"]] = document["verdict"];
      }
      CHECK(found == verdicts);
    }
  }
}
