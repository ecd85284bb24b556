// The step describe: what a data card counts.
#include "engine/data/describe.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/data/dataset_card.h"
#include "engine/data/document.h"
#include "tests/support/run_step.h"
#include "tests/support/test.h"

namespace cairn::data {

extern const steps::StepSpec kTrainTokenizer;

namespace {

fs::path write_pages(const fs::path& folder) {
  DocumentWriter writer(real_disk(), folder, 3000);
  for (int i = 0; i < 50; ++i) {
    std::string text = fmt::format("Stück {} von vielen", i);
    for (int w = 0; w < i; ++w) text += " Stein";
    const std::string host = i % 5 == 0 ? "" : fmt::format("https://www.h{}.site-{}.com/", i % 3, i % 2);
    writer.append({document_id(text), text, i % 2 ? "a" : "b", host + std::to_string(i), i % 4 ? "MIT" : "", "de",
                   i < 10 ? "" : "2026-11-24T00:00:00Z"});
  }
  writer.finish();
  return folder;
}

const Json& named(const Json& groups, const std::string& name) {
  for (const Json& one : groups["listed"]) {
    if (one["name"] == name) return one;
  }
  FAIL("no group of that name");
  return groups;
}

}  // namespace

TEST_CASE("describe: documents, bytes, characters and tokens by source, language, licence, site and year add up") {
  test::TemporaryFolder folder;
  const fs::path pages = write_pages(folder.path() / "pages");
  test::StepRun trained(kTrainTokenizer, R"({"vocab_size": 300})");
  trained.input("documents", pages).run();
  write_file_atomically(real_disk(), folder.path() / "suffixes", "com\n");
  Json config = {{"suffixes", (folder.path() / "suffixes").string()}};
  test::StepRun run(kDescribe, config);
  run.input("documents", pages).input("tokenizer", trained.output("tokenizer")).run();
  const Json statistics = read_json(run.output("statistics"));
  const Json& total = statistics["total"];
  CHECK(total["documents"] == 50);
  CHECK(total["bytes"].get<int>() == total["characters"].get<int>() + 50);  // one ü each
  CHECK(total["tokens"] > 200);
  for (const char* group : {"by_source", "by_language", "by_licence", "by_site", "by_year"}) {
    CAPTURE(group);
    for (const char* what : {"documents", "bytes", "tokens"}) {
      std::int64_t sum = statistics[group]["others"][what];
      for (const Json& one : statistics[group]["listed"]) sum += one[what].get<std::int64_t>();
      CHECK(sum == total[what].get<std::int64_t>());
    }
  }
  CHECK(named(statistics["by_source"], "a")["documents"] == 25);
  CHECK(named(statistics["by_licence"], "")["documents"] == 13);
  CHECK(named(statistics["by_year"], "")["documents"] == 10);
  CHECK(named(statistics["by_site"], "")["documents"] == 10);
  CHECK(named(statistics["by_site"], "site-0.com")["documents"] == 20);
  std::int64_t in_classes = 0, before = -1;
  for (const Json& one : statistics["lengths"]["bytes"]["classes"]) {
    CHECK(one["from"].get<std::int64_t>() > before);
    before = one["to"];
    in_classes += one["documents"].get<std::int64_t>();
  }
  CHECK(in_classes == 50);
  CHECK(statistics["lengths"]["bytes"]["least"] == 19);

  test::StepRun again(kDescribe, config);
  again.threads(1).input("documents", pages).input("tokenizer", trained.output("tokenizer")).run();
  CHECK(again.digest("statistics") == run.digest("statistics"));
  // The golden of this step's bytes: raise the step's version when they change.
  CHECK(run.digest("statistics") == "b4208dd154b1812c0d6b13a665d555d6e97db93bfb3b2c76974504c3eb3c7884");

  test::StepRun few(kDescribe, R"({"listed": 1})");
  few.input("documents", pages).run();
  const Json brief = read_json(few.output("statistics"));
  CHECK(brief["by_site"]["listed"].size() == 1);
  CHECK(brief["by_site"]["count"] == 7);  // hosts, without a list of suffixes, and none
  CHECK(brief["by_site"]["others"]["documents"].get<int>() + brief["by_site"]["listed"][0]["documents"].get<int>() == 50);
  CHECK_FALSE(brief["total"].contains("tokens"));

  // What a card is short for.
  DatasetFacts facts;
  facts.statistics = statistics;
  CHECK(croissant_json(facts)["license"] == Json({"https://spdx.org/licenses/MIT", "unknown"}));
  facts.statistics = brief;
  CHECK(croissant_json(facts)["license"] == Json({"https://spdx.org/licenses/MIT", "others"}));
}

}  // namespace cairn::data
