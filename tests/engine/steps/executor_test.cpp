#include "engine/steps/executor.h"

#include "tests/engine/steps/bench.h"

using namespace cairn;
using namespace cairn::steps;
using test::Bench;

TEST_CASE("a pipeline runs once; the second time everything is in the ledger") {
  Bench bench;
  const std::vector<StepResult> first = bench.run();
  REQUIRE(first.size() == 3);
  CHECK(bench.runs == 3);
  CHECK(bench.content("loud", "part-0") == "# ONE\nTWO\n!");
  CHECK(bench.content("loud.report") == "fine");
  CHECK(bench.content("base") == "1");
  CHECK(first[1].refs == std::vector<std::string>{"loud@1", "loud.report@1"});
  CHECK(bench.empty("staging"));
  CHECK(bench.empty("scratch"));

  const std::vector<StepResult> second = bench.run();
  CHECK(bench.runs == 3);
  for (const StepResult& result : second) CHECK(result.status == StepStatus::cached);
  CHECK(second[0].summary == "read it");
  CHECK(bench.workspace.ledger().runs().size() == 3);
}

TEST_CASE("what is recorded of a run: inputs in place, facts, postings, class, edges") {
  Bench bench;
  bench.run();
  lineage::Ledger& ledger = bench.workspace.ledger();
  const lineage::Artifact text = ledger.resolve("in");
  CHECK(text.items == 2);
  CHECK(text.meta == R"({"tone":"calm"})");
  REQUIRE(ledger.postings_of("example").size() == 1);
  CHECK(ledger.postings_of("example")[0].shard == text.digest);
  const lineage::Run learn = *ledger.producer(ledger.resolve("base").id);
  CHECK(learn.determinism_class == "cpu test, backend cpu");
  CHECK(learn.determinism == 1);
  const lineage::Run read = *ledger.producer(text.id);
  CHECK(read.determinism_class.empty());
  REQUIRE(read.inputs.size() == 1);
  CHECK(ledger.trust(read.inputs[0].artifact) == lineage::Trust::unknown);
  CHECK(fs::equivalent(bench.workspace.path_of(read.inputs[0].artifact), bench.folder.path() / "in.txt"));
  CHECK(ledger.upstream(ledger.resolve("base").id).size() == 3);
}

TEST_CASE("what changes the action: config, seed, input, class; what does not: runtime but for the class fields") {
  Bench bench;
  bench.run();
  bench.run({"loud.runtime.speed=9", "base.runtime.speed=9"});
  CHECK(bench.runs == 3);
  bench.run({"loud.config.mark=?"});
  CHECK(bench.runs == 5);
  CHECK(bench.workspace.ledger().ref("loud")->generation == 2);
  CHECK(bench.workspace.ledger().ref("loud.report")->generation == 1);  // its bytes are the same
  bench.run({"base.seed=2"});  // the first variant again: from the ledger, the name moves back
  CHECK(bench.runs == 6);
  CHECK(bench.content("loud@3", "part-0") == "# ONE\nTWO\n!");
  bench.write("in.txt", "three\n");
  bench.run();
  CHECK(bench.runs == 9);
  CHECK(bench.content("loud", "part-0") == "# THREE\n!");
}

TEST_CASE("two backends do not share a cache entry") {
  Bench bench;
  bench.run();
  bench.run({"base.runtime.backend=ref"});
  CHECK(bench.runs == 4);
  const std::vector<lineage::Run> runs = bench.workspace.ledger().runs();  // newest first
  CHECK(runs[0].determinism_class == "cpu test, backend ref");
  CHECK(runs[0].recipe == runs[1].recipe);
  CHECK(runs[0].action != runs[1].action);
  bench.run({"base.runtime.backend=ref"});
  CHECK(bench.runs == 4);
}

TEST_CASE("an input that was adopted in place and changed is refused") {
  Bench bench;
  bench.run();
  bench.write("in.txt", "three\n");
  const Json json =
      parse_json(R"({"pipeline": "p", "steps": {"again": {"step": "shout", "inputs": {"text": "old"}}}})", "p.json");
  lineage::Ledger& ledger = bench.workspace.ledger();
  const lineage::Run read = *ledger.producer(ledger.resolve("in").id);
  ledger.move_ref("old", read.inputs[0].artifact, 1);
  const auto run = [&](const char* step) {
    const std::string text =
        fmt::format(R"({{"pipeline": "p", "steps": {{"again": {{"step": "exec-any", "inputs": {{"text": "{}"}}}}}}}})", step);
    Executor(bench.workspace, bench.settings())
        .run(parse_pipeline(parse_json(text, "p"), "p", bench.folder.path(), {}, bench.registry), {});
  };
  bench.registry.add({.name = "exec-any", .inputs = {{"text", "any", ""}}, .outputs = {}, .run = [](StepContext&) {}});
  CHECK(test::error_of([&] { run("old"); }).find("has changed since") != std::string::npos);
  CHECK(test::error_of([&] { run("olf"); }).find("Did you mean 'old'?") != std::string::npos);
  CHECK(test::error_of([&] {
          Executor(bench.workspace, bench.settings())
              .run(parse_pipeline(json, "p.json", bench.folder.path(), {}, bench.registry), {});
        }).find("expected an artifact of kind documents, 'old' is raw") != std::string::npos);
}

TEST_CASE("a failing step is recorded as failed and leaves no name and no staging") {
  Bench bench;
  bench.behaviour = "fail";
  CHECK(test::error_of([&] { bench.run(); }) == "loud: the mark is too loud");
  const lineage::Run run = bench.workspace.ledger().runs().front();
  CHECK(run.state == lineage::RunState::failed);
  CHECK(run.note == "the mark is too loud");
  CHECK_FALSE(bench.workspace.ledger().ref("loud"));
  CHECK(bench.empty("staging"));
  CHECK(bench.workspace.ledger().ref("in"));
  bench.behaviour = "";
  bench.run();
  CHECK(bench.content("loud.report") == "fine");
}

TEST_CASE("a step that forgets an output, or makes one that it did not declare, fails") {
  Bench bench;
  bench.behaviour = "forget";
  CHECK(test::error_of([&] { bench.run(); }) == "loud: the step did not write its output 'report'");
  bench.behaviour = "stray";
  CHECK(test::error_of([&] { bench.run(); }) == "loud: the step wrote 'stray', which is none of its outputs");
}

TEST_CASE("a stop aborts the run, keeps its scratch folder, and the next attempt finds it") {
  Bench bench;
  bench.behaviour = "stop";
  ExitCode code = ExitCode::done;
  std::string message;
  try {
    bench.run();
  } catch (const Error& error) {
    code = error.code();
    message = error.what();
  }
  CHECK(code == ExitCode::try_again);
  CHECK(message.find("loud: interrupted; 10 B of its work are kept") == 0);
  const lineage::Run aborted = bench.workspace.ledger().runs().front();
  CHECK(aborted.state == lineage::RunState::aborted);
  CHECK(bench.empty("staging"));

  Bench& again = bench;
  again.behaviour = "";
  StopToken fresh;
  ExecutorSettings settings = again.settings();
  settings.stop = &fresh;
  const Json json = parse_json(R"({"pipeline": "p", "seed": 1, "steps": {
      "in": {"step": "read", "config": {"path": "in.txt"}}, "loud": {"step": "shout", "inputs": {"text": "in"}}}})",
                               "p.json");
  const auto results =
      Executor(again.workspace, settings).run(parse_pipeline(json, "p.json", again.folder.path(), {}, again.registry), {});
  CHECK(again.seen_scratch == "first half");
  CHECK(*again.workspace.ledger().run(*results[1].run).attempt_of == aborted.id);
  CHECK(again.empty("scratch"));
}

TEST_CASE("a dry run says what would run and changes nothing") {
  Bench bench;
  const auto before = bench.run({}, {.dry_run = true});
  for (const StepResult& result : before) CHECK(result.status == StepStatus::would_run);
  CHECK(bench.runs == 0);
  CHECK(bench.workspace.ledger().runs().empty());
  CHECK(bench.workspace.ledger().refs().empty());
  bench.run();
  const auto after = bench.run({"base.seed=5"}, {.dry_run = true});
  CHECK(after[1].status == StepStatus::cached);
  CHECK(after[2].status == StepStatus::would_run);
}

TEST_CASE("--only runs one step on what is there; --again runs what was done before") {
  Bench bench;
  CHECK(test::error_of([&] { bench.run({}, {.only = "base"}); }).find("has not run as the pipeline now says") !=
        std::string::npos);
  CHECK(test::error_of([&] { bench.run({}, {.only = "bse"}); }).find("Did you mean 'base'?") != std::string::npos);
  bench.run();
  CHECK(bench.run({"base.seed=2"}, {.only = "base"}).size() == 3);
  CHECK(bench.runs == 4);
  bench.run({}, {.only = "base", .again = true});
  CHECK(bench.runs == 5);
  CHECK(bench.workspace.ledger().ref("base")->generation == 3);  // seed 1, 2, 1
}
