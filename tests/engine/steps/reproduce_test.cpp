#include "engine/steps/reproduce.h"

#include "tests/engine/steps/bench.h"

using namespace cairn;
using namespace cairn::steps;
using test::Bench;

namespace {

Reproduction again(Bench& bench, const std::string& name, ReproduceOptions options = {}) {
  return reproduce(bench.workspace, bench.registry, bench.settings(), {}, bench.workspace.ledger().resolve(name), options);
}

// Writes over a file of the store, which is read-only.
void overwrite(const fs::path& path, const std::string& text) {
  fs::permissions(path, fs::perms::owner_all);
  fs::permissions(path.parent_path(), fs::perms::owner_all);
  std::ofstream(path, std::ios::trunc) << text;
}

}  // namespace

TEST_CASE("what is made again is compared; an identical one is recorded as a run of its own") {
  Bench bench;
  bench.run();
  const Reproduction result = again(bench, "loud");
  CHECK(result.line() == "IDENTICAL");
  CHECK(result.exit_code() == ExitCode::done);
  REQUIRE(result.outputs.size() == 2);
  const lineage::Run run = bench.workspace.ledger().run(*result.run);
  CHECK(run.state == lineage::RunState::done);
  CHECK(run.reproduction_of == result.original);
  CHECK(run.note == "IDENTICAL");
  CHECK(bench.workspace.ledger().ref("loud")->generation == 1);
  CHECK(bench.empty("staging"));
  CHECK(bench.workspace.ledger().verify_journal().empty());
  CHECK(bench.workspace.ledger().producer(bench.workspace.ledger().resolve("loud").id)->id == *result.original);
}

TEST_CASE("a difference is said with its place and class, recorded as failed, and leaves the recorded artifact alone") {
  Bench bench;
  bench.run();
  bench.drift = "x";
  const Reproduction result = again(bench, "base");
  CHECK(result.line() == "DIFFERENT (same class): checkpoint: recorded 1 bytes, now 2; the first 1 agree");
  CHECK(result.exit_code() == ExitCode::failed);
  const lineage::Run run = bench.workspace.ledger().run(*result.run);
  CHECK(run.state == lineage::RunState::failed);
  CHECK(run.outputs.empty());
  CHECK(bench.content("base") == "1");
  CHECK(bench.empty("staging"));
}

TEST_CASE("what stands in the way of a reproduction is said") {
  Bench bench;
  bench.run();
  const auto reason = [&](const std::string& name) {
    const Reproduction result = again(bench, name);
    CHECK(result.verdict == Verdict::not_reproducible);
    CHECK(result.exit_code() == ExitCode::unchecked);
    CHECK_FALSE(result.run);
    return result.reason;
  };
  const lineage::ArtifactId source =
      bench.workspace.ledger().producer(bench.workspace.ledger().resolve("in").id)->inputs[0].artifact;
  CHECK(reason(bench.workspace.ledger().artifact(source).digest.hex()).find("no recorded run made") == 0);

  bench.write("in.txt", "changed\n");
  CHECK(reason("in").find("has changed since") != std::string::npos);

  overwrite(bench.workspace.path_of(bench.workspace.ledger().resolve("loud").id) / "part-0", "# ONE\nTWO\n?");
  CHECK(reason("base").find("is damaged") != std::string::npos);
  CHECK(reason("base").find("first in part-0") != std::string::npos);
}

TEST_CASE("another version or class of machine is no reproduction, unless it is asked for") {
  Bench bench;
  bench.run();
  StepRegistry newer;
  for (const StepSpec* spec : bench.registry.all()) {
    StepSpec copy = *spec;
    if (copy.name == "shout") ++copy.version;
    newer.add(copy);
  }
  const auto with = [&](const StepRegistry& registry, ExecutorSettings settings, const std::string& name,
                        ReproduceOptions options) {
    return reproduce(bench.workspace, registry, settings, {}, bench.workspace.ledger().resolve(name), options);
  };
  CHECK(with(newer, bench.settings(), "loud", {}).reason.find("shout version 2, this program has version 3") !=
        std::string::npos);
  ExecutorSettings elsewhere = bench.settings();
  elsewhere.determinism_class = "cpu other";
  CHECK(with(bench.registry, elsewhere, "base", {})
            .reason.find("recorded 'cpu test, backend cpu', here 'cpu other, backend cpu'") != std::string::npos);
  const Reproduction compared = with(bench.registry, elsewhere, "base", {.other_class = true});
  CHECK(compared.line() == "IDENTICAL");
  CHECK_FALSE(compared.same_class);
  CHECK(with(bench.registry, elsewhere, "loud", {}).line() == "IDENTICAL");  // exact everywhere
}

TEST_CASE("a reproduction uses the recorded backend, and so is of the same class") {
  Bench bench;
  bench.run({"base.runtime.backend=ref"});
  const Reproduction again =
      reproduce(bench.workspace, bench.registry, bench.settings(), {}, bench.workspace.ledger().resolve("base"), {});
  CHECK(again.line() == "IDENTICAL");
  CHECK(again.same_class);
}

TEST_CASE("a stop ends a reproduction as try again, and nothing is left") {
  Bench bench;
  bench.run();
  bench.behaviour = "stop";
  ExitCode code = ExitCode::done;
  try {
    again(bench, "loud");
  } catch (const Error& error) {
    code = error.code();
  }
  CHECK(code == ExitCode::try_again);
  CHECK(bench.workspace.ledger().runs().front().state == lineage::RunState::aborted);
  CHECK(bench.empty("staging"));
}
