// What a curation takes of memory: bounded by its setting, whatever the number of documents; and the same bits.
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "base/memory_use.h"
#include "base/random.h"
#include "engine/data/curate.h"
#include "engine/data/document.h"
#include "tests/support/made_words.h"
#include "tests/support/run_step.h"

using namespace cairn;
using cairn::test::StepRun;
using cairn::test::TemporaryFolder;

namespace {

// Documents of 2 KB in lines, every fourth a near copy of the one before it, many with a line in common.
void write_documents(const fs::path& folder, int documents) {
  data::DocumentWriter writer(real_disk(), folder, 16'000'000);
  const Random random(1, "memory test");
  std::uint64_t at = 0;
  std::string text;
  for (int d = 0; d < documents; ++d) {
    if (d % 4 != 3) {
      text.clear();
      for (int w = 0; w < 280; ++w) text += test::made_word(random.below(at++, 50'000)) + (w % 14 == 13 ? ".\n" : " ");
    }
    data::Document document;
    document.text =
        text + (d % 4 == 3 ? "And one more line.\n" : "") + fmt::format("Line number {} of all of these texts.\n", d % 50);
    document.id = data::document_id(document.text);
    document.url = fmt::format("https://example.org/{}", d);
    document.source = fmt::format("site-{}", d % 20'000);
    document.language = d % 3 ? "en" : "de";
    document.licence = "MIT";
    document.scores = {{"quality", static_cast<double>(random.below(at++, 1000)) / 1000}};
    writer.append(document);
  }
  writer.finish();
}

constexpr const char* kChain = R"({"filters": [{"filter": "exact_dedup"}, {"filter": "minhash", "bands": 4, "rows_per_band": 4},
  {"filter": "percentile", "score": "quality", "share": 0.1}, {"filter": "paragraph_dedup", "of": "lines", "min_bytes": 20}],
  "held_out": {"fraction": 0.01}, "runtime": {"piece_bytes": 1}})";

constexpr const char* kNothing = R"({"filters": [], "shard_bytes": 2000000})";

void write_tiny_documents(const fs::path& folder, int documents) {
  data::DocumentWriter writer(real_disk(), folder, 1'000'000);
  for (int d = 0; d < documents; ++d) {
    data::Document document;
    document.text = fmt::format("text {}", d);
    document.id = data::document_id(document.text);
    document.url = fmt::format("https://example.org/{}", d);
    document.source = "tiny";
    document.licence = "MIT";
    writer.append(document);
  }
  writer.finish();
}

// What a curation with so much memory for each of two threads gave, and MB that it took.
std::pair<std::string, int> curated(const fs::path& documents, std::int64_t memory, const char* chain = kChain) {
  const fs::path said = documents.string() + ".said";
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::uint64_t before = resident_bytes();
    Json config = parse_json(chain, "chain");
    config["runtime"]["memory"] = memory;
    StepRun run(data::kCurate, config);
    run.threads(2).input("documents", documents).run();
    const std::string all = run.digest("documents") + run.digest("held_out") + run.digest("decisions") + run.digest("report");
    write_file_atomically(said, fmt::format("{} {}", (peak_resident_bytes() - before) >> 20, all));
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  const std::string words = read_file(said);
  return {words.substr(words.find(' ') + 1), std::stoi(words)};
}

}  // namespace

TEST_CASE("curate: memory does not grow with the documents; within little of it and with all in memory, the same bits") {
#ifdef __SANITIZE_ADDRESS__
  SKIP_TEST("a sanitizer keeps what was freed");
#endif
  TemporaryFolder folder;
  write_documents(folder.path() / "some", 15'000);  // 30 MB of text
  write_documents(folder.path() / "many", 60'000);
  const auto [some, of_some] = curated(folder.path() / "some", 1'000'000);
  const auto [many, of_many] = curated(folder.path() / "many", 1'000'000);
  const auto [whole, of_whole] = curated(folder.path() / "some", 2'000'000'000);
  MESSAGE("15,000 documents: ", of_some, " MB with 1 MB for each thread, ", of_whole, " MB with 2 GB; 60,000: ", of_many, " MB");
  CHECK(some == whole);
  CHECK(some != many);
  CHECK(of_many < of_some + 15);
  CHECK(of_whole > of_some + 30);  // it is the setting that bounds it
}

TEST_CASE("curate: memory does not grow with documents of a few bytes, of which a shard holds many") {
#ifdef __SANITIZE_ADDRESS__
  SKIP_TEST("a sanitizer keeps what was freed");
#endif
  TemporaryFolder folder;
  write_tiny_documents(folder.path() / "some", 40'000);
  write_tiny_documents(folder.path() / "many", 400'000);
  const auto [some, of_some] = curated(folder.path() / "some", 8'000'000, kNothing);
  const auto [many, of_many] = curated(folder.path() / "many", 8'000'000, kNothing);
  const auto [whole, of_whole] = curated(folder.path() / "many", 2'000'000'000, kNothing);
  MESSAGE("40,000 documents: ", of_some, " MB with 8 MB for each thread; 400,000: ", of_many, " MB, with 2 GB ", of_whole, " MB");
  CHECK(many == whole);
  CHECK(of_many < of_some + 60);  // what is sorted and held reaches its bounds
}
