#include "engine/steps/stale.h"

#include "tests/engine/steps/bench.h"

using namespace cairn;
using namespace cairn::steps;
using test::Bench;

TEST_CASE("nothing is stale right after a run") {
  Bench bench;
  bench.run();
  CHECK(find_stale(bench.workspace.ledger(), bench.registry).empty());
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
  const auto stale = find_stale(bench.workspace.ledger(), newer);
  REQUIRE(stale.size() == 3);
  CHECK(stale[0].name == "base@1");
  CHECK(stale[0].reasons == std::vector<std::string>{"input text is stale (loud@1)"});
  CHECK(stale[1].reasons == std::vector<std::string>{"step shout is at version 3, it was made by version 2"});
  CHECK(stale[2].name == "loud.report@1");
  const auto gone = find_stale(bench.workspace.ledger(), StepRegistry());
  CHECK(gone.size() == 4);
  CHECK(gone[0].reasons.front() == "this program has no step learn");
}

TEST_CASE("an input whose name has moved on makes stale") {
  Bench bench;
  bench.run();
  bench.run({"loud.config.mark=?"}, {.only = "loud"});
  const auto stale = find_stale(bench.workspace.ledger(), bench.registry);
  REQUIRE(stale.size() == 1);
  CHECK(stale[0].name == "base@1");
  CHECK(stale[0].reasons == std::vector<std::string>{"input text: was loud@1, loud@2 is there now"});
}
