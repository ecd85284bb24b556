#include "lineage/ledger.h"

#include "base/error.h"
#include "base/json.h"
#include "lineage/database.h"
#include "lineage/record.h"
#include "tests/lineage/lineage_support.h"

using namespace cairn;
using namespace cairn::lineage;
using namespace cairn::lineage::test;

TEST_CASE("uuids sort by the moment of making, carry version 7, and read back") {
  const RunUuid first = RunUuid::make(kStart), second = RunUuid::make(kStart + 1), third = RunUuid::make(kStart + 1'000'000);
  CHECK(first < second);
  CHECK(second < third);
  CHECK(first.text()[14] == '7');
  CHECK(RunUuid::parse(first.text()) == first);
  CHECK(RunUuid::make(kStart) != RunUuid::make(kStart));
  for (const char* bad : {"", "01234567-89ab-7def-8123-456789abcde", "01234567-89ab-7def-8123-456789abcdeg",
                          "0123456789ab-7def-8123-456789abcdef-"}) {
    CHECK(cairn::test::error_of([&] { RunUuid::parse(bad); }).find("not a run's uuid") != std::string::npos);
  }
}

TEST_CASE("recipe and action keys: each field counts, the order of inputs does not") {
  NewRun run{.op = "pack", .config = "{}", .seed = 7, .inputs = {{"documents", 0, 1}, {"tokenizer", 0, 2}}};
  const std::map<ArtifactId, Digest> digests{{1, sha256("d")}, {2, sha256("t")}};
  const Digest key = recipe_key(run, digests);
  CHECK(key.hex() == "7564949e79c1aeb0500021c4daa987e4cb6191e651511cb6d2c513294a29801b");
  std::swap(run.inputs[0], run.inputs[1]);
  CHECK(recipe_key(run, digests) == key);
  const auto differs = [&](auto change) {
    NewRun other = run;
    change(other);
    return recipe_key(other, digests) != key;
  };
  CHECK(differs([](NewRun& r) { r.op = "pac"; }));
  CHECK(differs([](NewRun& r) { r.op_version = 2; }));
  CHECK(differs([](NewRun& r) { r.config = R"({"a":1})"; }));
  CHECK(differs([](NewRun& r) { r.seed = 8; }));
  CHECK(differs([](NewRun& r) { r.inputs.pop_back(); }));
  CHECK(differs([](NewRun& r) { r.inputs[0].artifact = 1; }));
  CHECK(differs([](NewRun& r) { r.inputs[0].ordinal = 1; }));
  CHECK_FALSE(differs([](NewRun& r) { r.runtime = R"({"threads":9})"; }));
  CHECK_FALSE(differs([](NewRun& r) { r.code = sha256("other binary"); }));
  CHECK(action_key(key, "") != key);
  CHECK(action_key(key, "avx512") != action_key(key, "avx2"));
  CHECK(cairn::test::error_of([&] {
          recipe_key(run, {{1, sha256("d")}});
        }) == "recipe of 'pack': the digest of input 'tokenizer' was not given");
}

TEST_CASE("a run from start to done: rows, edges, names, trust, where the bytes lie") {
  cairn::test::TemporaryFolder folder;
  Workspace workspace = make_workspace(folder.path() / "w");
  Ledger& ledger = workspace.ledger();
  Maker maker{workspace};
  write_text(folder.path() / "docs" / "a.html", "<p>a</p>");
  const ArtifactId raw =
      ledger.adopt(hash_content(folder.path() / "docs"), "raw", "../docs", Trust::declared, "from a.org", kStart);
  CHECK(ledger.adopt(hash_content(folder.path() / "docs"), "raw", "../docs", Trust::declared, "from a.org", kStart + 5) == raw);
  CHECK(ledger.journal().size() == 1);

  const auto corpus =
      maker.make("ingest", {{"sources", 0, raw}}, {{"documents", "documents", {{"shard-0", "text"}, {"sub/shard-1", "more"}}}},
                 {{"corpus", "documents"}}, "{}", {{"a.org", sha256("text"), 0, 3, 40}, {"b.org", sha256("more"), 0, 1, 9}});
  const auto tokenizer =
      maker.make("train-tokenizer", {{"documents", 0, corpus[0]}}, {{"tokenizer", "tokenizer", {{"", "tok"}}}});
  const auto shards = maker.make("pack", {{"documents", 0, corpus[0]}, {"tokenizer", 0, tokenizer[0]}},
                                 {{"data", "token_shards", {{"x.bin", "b"}}}});

  const Artifact artifact = ledger.artifact(corpus[0]);
  CHECK(artifact.kind == "documents");
  CHECK(artifact.is_tree);
  CHECK(artifact.bytes == 8);
  CHECK(ledger.tree_entries(corpus[0]).size() == 2);
  CHECK(read_text(workspace.path_of(corpus[0]) / "sub/shard-1") == "more");
  CHECK(workspace.path_of(raw) == fs::path(folder.path() / "docs"));
  const Artifact member = *ledger.artifact_by_digest(sha256("more"));
  CHECK(read_text(workspace.path_of(member.id)) == "more");
  CHECK(ledger.trust(corpus[0]) == Trust::recorded);
  CHECK(ledger.trust(member.id) == Trust::recorded);
  CHECK(ledger.trust(raw) == Trust::declared);
  CHECK(ledger.producer(member.id)->op == "ingest");
  CHECK_FALSE(ledger.producer(raw));

  const Run run = *ledger.producer(shards[0]);
  CHECK(run.state == RunState::done);
  CHECK(run.note == "pack done");
  CHECK(run.seed == 7);
  CHECK(run.inputs.size() == 2);
  CHECK(ledger.find_done(run.action)->id == run.id);
  CHECK_FALSE(ledger.find_done(run.recipe));
  CHECK_FALSE(fs::exists(workspace.staging_folder(run.uuid)));
  CHECK_FALSE(fs::exists(workspace.run_folder(run.uuid) / "lease"));
  CHECK(fs::exists(workspace.run_folder(run.uuid) / "record.json"));
  CHECK(ledger.runs().front().id == run.id);
  CHECK(ledger.runs(1).size() == 1);

  const auto ids = [](const std::vector<Ledger::Step>& steps) {
    std::vector<std::pair<ArtifactId, int>> all;
    for (const auto& step : steps) all.push_back({step.artifact, step.distance});
    return all;
  };
  using Ids = std::vector<std::pair<ArtifactId, int>>;
  CHECK(ids(ledger.upstream(shards[0])) == Ids{{corpus[0], 1}, {tokenizer[0], 1}, {raw, 2}});
  CHECK(ids(ledger.downstream(raw)) == Ids{{corpus[0], 1}, {tokenizer[0], 2}, {shards[0], 2}});
  CHECK(ids(ledger.downstream(member.id)) == Ids{{corpus[0], 1}, {tokenizer[0], 2}, {shards[0], 2}});
  CHECK(ids(ledger.upstream(member.id)) == Ids{{corpus[0], 1}, {raw, 2}});

  CHECK(ledger.sources() == std::vector<std::string>{"a.org", "b.org"});
  CHECK(ledger.postings_of("a.org").at(0).documents == 3);
  CHECK(ledger.postings_of("c.org").empty());
  CHECK(ledger.verify_journal().empty());
}

TEST_CASE("what comes from a member of a tree comes from the tree") {
  cairn::test::TemporaryFolder folder;
  Workspace workspace = make_workspace(folder.path());
  Maker maker{workspace};
  const auto corpus = maker.make("ingest", {}, {{"documents", "documents", {{"a", "A"}, {"b", "B"}}}});
  const ArtifactId member = workspace.ledger().artifact_by_digest(sha256("A"))->id;
  const auto report = maker.make("exec", {{"shard", 0, member}}, {{"report", "report", {{"", "r"}}}});
  const auto down = workspace.ledger().downstream(corpus[0]);
  REQUIRE(down.size() == 2);
  CHECK(down[1].artifact == report[0]);
  CHECK(workspace.ledger().upstream(report[0]).back().artifact == corpus[0]);
}

TEST_CASE("states: only the arrows of the state machine, and ended runs never change") {
  cairn::test::TemporaryFolder folder;
  Workspace workspace = make_workspace(folder.path());
  Ledger& ledger = workspace.ledger();
  Maker maker{workspace};
  const NewRun start = maker.new_run("exec", {});
  const RunId run = ledger.start_run(start);
  CHECK(ledger.run(run).state == RunState::running);
  CHECK(cairn::test::error_of([&] { ledger.finish_run(run, {}, {}, {}, "", 0); }) == "run 1 (exec) is running, not sealing");
  CHECK(cairn::test::error_of([&] { ledger.start_run(start); }).find("UNIQUE") != std::string::npos);
  ledger.begin_sealing(run);
  CHECK(cairn::test::error_of([&] { ledger.begin_sealing(run); }) == "run 1 (exec) is sealing, not running");
  CHECK(cairn::test::error_of([&] { ledger.end_run(run, RunState::done, "", 0); }) ==
        "a run ends as failed, aborted or lost, not as done");
  CHECK(cairn::test::error_of([&] {
          ledger.finish_run(run, {}, {}, {{"x", "nothing"}}, "", 0);
        }).find("wants output 'nothing'") != std::string::npos);
  CHECK(ledger.run(run).state == RunState::sealing);
  ledger.end_run(run, RunState::aborted, "stopped", 5);
  CHECK(ledger.run(run).state == RunState::aborted);
  CHECK(ledger.run(run).ended == start.started);  // a clock that went backwards
  CHECK(ledger.find_unfinished(ledger.run(run).action)->id == run);
  CHECK(cairn::test::error_of([&] { ledger.end_run(run, RunState::failed, "", 0); }) == "run 1 (exec) ended already: aborted");
  CHECK(cairn::test::error_of([&] { ledger.database().execute("UPDATE run SET note = 'x'"); }).find("never changes") !=
        std::string::npos);

  NewRun again = maker.new_run("exec", {});
  again.attempt_of = run;
  const RunId second = ledger.start_run(again);
  CHECK(ledger.run(second).attempt_of == run);
  ledger.end_run(second, RunState::failed, "bad", maker.clock);
  CHECK(ledger.find_unfinished(ledger.run(run).action)->id == run);  // failed is not unfinished
}

TEST_CASE("start_run refuses what it could not record faithfully") {
  cairn::test::TemporaryFolder folder;
  Workspace workspace = make_workspace(folder.path());
  Maker maker{workspace};
  const auto message = [&](auto change) {
    NewRun run = maker.new_run("exec", {});
    change(run);
    return cairn::test::error_of([&] { workspace.ledger().start_run(run); });
  };
  CHECK(message([](NewRun& r) { r.config = "{ }"; }) == "exec: config: not the canonical JSON text of an object");
  CHECK(message([](NewRun& r) { r.config = "[]"; }) == "exec: config: not the canonical JSON text of an object");
  CHECK(message([](NewRun& r) { r.runtime = ""; }).find("runtime") != std::string::npos);
  CHECK(message([](NewRun& r) { r.determinism = 4; }) == "exec: determinism level 4 is not one of 0..3");
  CHECK(message([](NewRun& r) { r.inputs = {{"x", 0, 99}}; }) == "no artifact has the number 99");
  CHECK(message([](NewRun& r) { r.attempt_of = 99; }) == "no run has the number 99");
  CHECK(workspace.ledger().runs().empty());
  CHECK(workspace.ledger().journal().empty());
}

TEST_CASE("kinds are a closed vocabulary; a mere file takes the kind that it is later known by") {
  cairn::test::TemporaryFolder folder;
  Workspace workspace = make_workspace(folder.path());
  Maker maker{workspace};
  CHECK(cairn::test::error_of([&] {
          maker.make("exec", {}, {{"x", "documnts", {{"", "1"}}}});
        }) == "'documnts' is not a kind of artifact. Did you mean 'documents'?");
  const auto model = maker.make("export", {}, {{"model", "model", {{"tokenizer.json", "tok"}, {"w", "w"}}}});
  CHECK(workspace.ledger().artifact_by_digest(sha256("tok"))->kind == "file");
  maker.make("train-tokenizer", {}, {{"tokenizer", "tokenizer", {{"", "tok"}}}});
  CHECK(workspace.ledger().artifact_by_digest(sha256("tok"))->kind == "tokenizer");
}

TEST_CASE("names move forward, and every generation can be asked for") {
  cairn::test::TemporaryFolder folder;
  Workspace workspace = make_workspace(folder.path());
  Ledger& ledger = workspace.ledger();
  Maker maker{workspace};
  const auto one = maker.make("exec", {}, {{"out", "file", {{"", "1"}}}, {"log", "file", {{"", "l1"}}}}, {{"base", "out"}});
  const auto two = maker.make("exec", {}, {{"out", "file", {{"", "2"}}}}, {{"base", "out"}});
  ledger.move_ref("base", two[0], maker.clock);  // points there already
  CHECK(ledger.ref("base")->generation == 2);
  ledger.move_ref("base", one[0], maker.clock);
  CHECK(ledger.ref("base")->generation == 3);
  CHECK(ledger.refs().size() == 1);
  CHECK(ledger.resolve("base").id == one[0]);
  CHECK(ledger.resolve("base@2").id == two[0]);
  CHECK(ledger.resolve("base.log").id == one[1]);
  CHECK(ledger.resolve("base@1.log").id == one[1]);
  CHECK(ledger.resolve("base@2027-01-15").id == one[0]);
  CHECK(ledger.resolve("1.log").id == one[1]);
  CHECK(ledger.resolve(ledger.run(2).uuid.text() + ".out").id == two[0]);
  CHECK(ledger.resolve(sha256("2").hex().substr(0, 8)).id == two[0]);
  CHECK(ledger.resolve("sha256:" + sha256("2").hex()).id == two[0]);

  const auto message = [&](const std::string& text) { return cairn::test::error_of([&] { ledger.resolve(text); }); };
  CHECK(message("bse") == "nothing is called 'bse'. Did you mean 'base'?");
  CHECK(message("base@9") == "'base' has the generations 1 to 3, not 9");
  CHECK(message("base@x").find("expected a generation or a day after '@'") != std::string::npos);
  CHECK(message("base@2001-01-01") == "'base' had no meaning yet on 2001-01-01");
  CHECK(message("base.model") == "'base.model': the run that made 'base' has no output 'model'; it has log, out");
  CHECK(message("2.log").find("has no output 'log'; it has out") != std::string::npos);
  CHECK(message(ledger.run(2).uuid.text().substr(0, 8) + ".out").find("could be any of the runs") != std::string::npos);
  CHECK(message("ffffffffff").find("nothing is called") != std::string::npos);
  CHECK(message("").find("nothing is called") != std::string::npos);
  CHECK(cairn::test::error_of([&] { ledger.move_ref("a@b", one[0], 0); }).find("cannot be a name") != std::string::npos);
  CHECK(ledger.verify_journal().empty());
}

TEST_CASE("adoption: refuses absolute places and claims of being recorded; the newest trust counts") {
  cairn::test::TemporaryFolder folder;
  Workspace workspace = make_workspace(folder.path() / "w");
  Ledger& ledger = workspace.ledger();
  write_text(folder.path() / "f", "x");
  const Content content = hash_content(folder.path() / "f");
  CHECK(cairn::test::error_of([&] { ledger.adopt(content, "file", "/f", Trust::unknown, "", 1); }).find("relative") !=
        std::string::npos);
  CHECK(cairn::test::error_of([&] {
          ledger.adopt(content, "file", "../f", Trust::recorded, "", 1);
        }).find("only a run records") != std::string::npos);
  const ArtifactId id = ledger.adopt(content, "file", "../f", Trust::unknown, "", 1);
  CHECK(ledger.trust(id) == Trust::unknown);
  CHECK(ledger.adopt(content, "file", "../f", Trust::declared, "mine", 2) == id);
  CHECK(ledger.trust(id) == Trust::declared);
  CHECK(ledger.adopt(content, "tokenizer", "../f", Trust::declared, "mine", 3) == id);
  CHECK(ledger.artifact(id).kind == "tokenizer");
  fs::remove(folder.path() / "f");
  CHECK(cairn::test::error_of([&] { workspace.path_of(id); }).find("its bytes are gone") != std::string::npos);
}
