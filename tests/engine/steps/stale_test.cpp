#include "engine/steps/stale.h"

#include "tests/engine/steps/bench.h"

using namespace cairn;
using namespace cairn::steps;
using test::Bench;

TEST_CASE("nothing is stale right after a run") {
  Bench bench;
  bench.run();
  CHECK(find_stale(bench.workspace, bench.registry, &bench.threads).empty());
}

TEST_CASE("a newer step makes its outputs stale, and what was made from them") {
  Bench bench;
  bench.run();
  StepRegistry newer;
  for (const StepSpec* spec : bench.registry.all()) {
    StepSpec copy = *spec;
    if (copy.name == "shout") ++copy.version;
    newer.add(copy);
  }
  const auto stale = find_stale(bench.workspace, newer, &bench.threads);
  REQUIRE(stale.size() == 3);
  CHECK(stale[0].name == "base@1");
  CHECK(stale[0].reasons == std::vector<std::string>{"input text is stale (loud@1)"});
  CHECK(stale[1].reasons == std::vector<std::string>{"step shout is at version 3, it was made by version 2"});
  CHECK(stale[2].name == "loud.report@1");
  const auto gone = find_stale(bench.workspace, StepRegistry(), &bench.threads);
  CHECK(gone.size() == 4);
  CHECK(gone[0].reasons.front() == "this program has no step learn");
}

TEST_CASE("an input whose name has moved on makes stale") {
  Bench bench;
  bench.run();
  bench.run({"loud.config.mark=?"}, {.only = "loud"});
  const auto stale = find_stale(bench.workspace, bench.registry, &bench.threads);
  REQUIRE(stale.size() == 1);
  CHECK(stale[0].name == "base@1");
  CHECK(stale[0].reasons == std::vector<std::string>{"input text: was loud@1, loud@2 is there now"});
}

TEST_CASE("a source that changed makes stale until it is read again, and bytes that came out the same are fresh") {
  Bench bench;
  bench.run();
  bench.write("in.txt", "three\n");
  auto stale = find_stale(bench.workspace, bench.registry, &bench.threads);
  REQUIRE(stale.size() == 4);
  CHECK(stale[1].name == "in@1");
  CHECK(stale[1].reasons == std::vector<std::string>{"input source: ../in.txt has changed since it was read"});
  CHECK(stale[0].reasons == std::vector<std::string>{"input text is stale (loud@1)"});
  bench.run();
  CHECK(find_stale(bench.workspace, bench.registry, &bench.threads).empty());

  // "shout" makes the same of both spellings: its output has two makers, the second of which read what is there now.
  bench.write("in.txt", "THREE\n");
  bench.run();
  CHECK(bench.workspace.ledger().ref("loud")->generation == 2);
  CHECK(bench.workspace.ledger().ref("in")->generation == 3);
  CHECK(find_stale(bench.workspace, bench.registry, &bench.threads).empty());

  fs::remove(bench.folder.path() / "in.txt");
  stale = find_stale(bench.workspace, bench.registry, nullptr);
  REQUIRE(stale.size() == 4);
  CHECK(stale[1].reasons == std::vector<std::string>{"input source: ../in.txt is gone"});
}

TEST_CASE("a folder taken by a pattern is stale when a file that matches comes, and not when another does") {
  Bench bench;
  StepRegistry registry;
  registry.add({.name = "list",
                .inputs = {{"source", "raw", "", true, true}},
                .outputs = {{"names", "documents", ""}},
                .config = object({field("path", string(), "")}),
                .externals =
                    [](const Config& config) {
                      return std::vector<External>{{"source", config.string("path"), {"*.txt"}}};
                    },
                .run =
                    [](StepContext& ctx) {
                      std::string names;
                      for (const std::string& file : ctx.input("source").files) names += file + "\n";
                      write_file_atomically(ctx.disk(), ctx.staging("names"), names);
                    }});
  const Json json =
      parse_json(R"({"pipeline": "p", "seed": 1, "steps": {"names": {"step": "list", "config": {"path": "."}}}})", "p");
  const fs::path folder = bench.folder.path() / "documents";
  fs::create_directories(folder);
  bench.write("documents/a.txt", "a");
  Executor(bench.workspace, bench.settings()).run(parse_pipeline(json, "p.json", folder, {}, registry), {});
  CHECK(find_stale(bench.workspace, registry, nullptr).empty());
  bench.write("documents/b.html", "b");
  CHECK(find_stale(bench.workspace, registry, nullptr).empty());
  bench.write("documents/b.txt", "b");
  bench.write("documents/a.txt", "another");
  const auto stale = find_stale(bench.workspace, registry, nullptr);
  REQUIRE(stale.size() == 1);
  CHECK(stale[0].reasons ==
        std::vector<std::string>{"input source: ../documents has changed since it was read: a.txt is another (and 1 more file)"});
}
