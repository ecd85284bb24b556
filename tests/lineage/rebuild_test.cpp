#include "lineage/rebuild.h"

#include "base/error.h"
#include "lineage/database.h"
#include "lineage/record.h"
#include "lineage/rows.h"
#include "tests/lineage/lineage_support.h"

using namespace cairn;
using namespace cairn::lineage;
using namespace cairn::lineage::test;

namespace {

// Every table as text, local ids replaced by what they stand for.
std::string dump(const fs::path& ledger) {
  Database database(ledger, Database::Mode::read, kApplicationId, kSchemaVersion);
  const std::vector<const char*> queries = {
      "SELECT 'kind', id, name FROM kind ORDER BY id",
      "SELECT 'artifact', hex(digest), kind, is_tree, bytes, items, created, meta FROM artifact ORDER BY digest",
      "SELECT 'tree', hex(t.digest), e.path, hex(m.digest), e.executable FROM tree_entry e JOIN artifact t ON t.id = e.tree "
      "JOIN artifact m ON m.id = e.member ORDER BY t.digest, e.path",
      "SELECT 'location', hex(a.digest), l.path FROM location l JOIN artifact a ON a.id = l.artifact ORDER BY a.digest, l.path",
      "SELECT 'adoption', hex(a.digest), d.path, trust, claim, adopted, hex(r.digest) FROM adoption d JOIN artifact a ON a.id = "
      "d.artifact "
      "JOIN artifact r ON r.id = d.record ORDER BY a.digest, d.path, r.digest",
      "SELECT 'config', hex(digest), canonical FROM config ORDER BY digest",
      "SELECT 'environment', hex(digest), canonical FROM environment ORDER BY digest",
      "SELECT 'code', hex(digest), revision FROM code ORDER BY digest, revision",
      "SELECT 'run', hex(r.uuid), op, op_version, hex(recipe), hex(action), hex(c.digest), runtime, hex(e.digest), "
      "hex(o.digest), seed, determinism, "
      "determinism_class, (SELECT hex(uuid) FROM run x WHERE x.id = r.attempt_of), (SELECT hex(uuid) FROM run x WHERE x.id = "
      "r.reproduction_of), "
      "state, started, ended, note, hex(a.digest) FROM run r JOIN config c ON c.id = r.config JOIN environment e ON e.id = "
      "r.environment "
      "JOIN code o ON o.id = r.code LEFT JOIN artifact a ON a.id = r.record ORDER BY r.uuid",
      "SELECT 'input', hex(r.uuid), role, ordinal, hex(a.digest) FROM input p JOIN run r ON r.id = p.run JOIN artifact a ON a.id "
      "= p.artifact ORDER BY 2, 3, 4",
      "SELECT 'output', hex(r.uuid), role, ordinal, hex(a.digest) FROM output p JOIN run r ON r.id = p.run JOIN artifact a ON "
      "a.id = p.artifact ORDER BY 2, 3, 4",
      "SELECT 'edge', hex(c.digest), hex(p.digest), hex(r.uuid) FROM edge e JOIN artifact c ON c.id = e.child JOIN artifact p ON "
      "p.id = e.parent "
      "JOIN run r ON r.id = e.run ORDER BY 2, 3, 4",
      "SELECT 'posting', s.name, hex(a.digest), first, documents, tokens FROM source_shard p JOIN source s ON s.id = p.source "
      "JOIN artifact a ON a.id = p.shard ORDER BY 2, 3, 4",
      "SELECT 'ref', name, generation, hex(a.digest), moved FROM ref JOIN artifact a ON a.id = ref.artifact ORDER BY name, "
      "generation",
      "SELECT 'journal', seq, time, event, body, hex(previous), hex(hash) FROM journal ORDER BY seq",
  };
  std::string text;
  for (const char* sql : queries) {
    for (Query rows = database.query(sql); rows.next();) {
      for (int i = 0; i < 20; ++i) text += rows.text(i) + "|";
      text += "\n";
    }
  }
  return text;
}

// Something of everything that is recorded.
void live(const fs::path& folder) {
  write_text(folder.parent_path() / "docs" / "a.html", "<p>a</p>");
  Workspace workspace = make_workspace(folder);
  Ledger& ledger = workspace.ledger();
  Maker maker{workspace};
  const ArtifactId raw =
      ledger.adopt(hash_content(folder.parent_path() / "docs"), "raw", "../docs", Trust::unknown, "", maker.clock);
  ledger.adopt(hash_content(folder.parent_path() / "docs"), "raw", "../docs", Trust::declared, "from a.org", maker.clock + 1);
  const auto corpus = maker.make("ingest", {{"sources", 0, raw}},
                                 {{"documents", "documents", {{"0", "text"}, {"1", "more"}}, R"({"documents":4})"}},
                                 {{"corpus", "documents"}}, R"({"n":1.5,"s":"ü"})", {{"a.org", sha256("text"), 0, 3, 40}});
  NewRun lost = maker.new_run("pretrain", {{"data", 0, corpus[0]}});
  lost.seed = ~std::uint64_t{0};
  const RunId first = ledger.start_run(lost);
  ledger.end_run(first, RunState::lost, "gone", maker.clock);
  NewRun again = maker.new_run("pretrain", {{"data", 0, corpus[0]}});
  again.attempt_of = first;
  const RunId second = ledger.start_run(again);
  // Another run comes between start and end.
  const auto other = maker.make("exec", {}, {{"out", "file", {{"", "text"}}}}, {{"other", "out"}});
  ledger.begin_sealing(second);
  ledger.finish_run(second, maker.seal(again, {{"checkpoint", "checkpoint", {{"w", "weights"}}}}), {}, {{"base", "checkpoint"}},
                    "trained", maker.clock);
  ledger.move_ref("base", other[0], maker.clock);
}

}  // namespace

TEST_CASE("rebuild: from the sealed records alone, the same ledger table by table") {
  cairn::test::TemporaryFolder folder;
  const fs::path w = folder.path() / "w", carried = folder.path() / "carried";
  live(w);
  fs::create_directories(carried);
  fs::copy(w / "objects", carried / "objects", fs::copy_options::recursive);
  const RebuildReport report = rebuild(real_disk(), carried, carried / "ledger.db");
  CHECK(report.problems.empty());
  CHECK(report.runs == 4);
  CHECK(report.adoptions == 2);
  CHECK(report.moves == 1);
  CHECK(dump(carried / "ledger.db") == dump(w / "ledger.db"));
  CHECK(cairn::test::error_of([&] { rebuild(real_disk(), carried, carried / "ledger.db"); }).find("exists already") !=
        std::string::npos);

  // And it is a working ledger.
  fs::copy(w / "cairn.json", carried / "cairn.json");
  Workspace workspace = Workspace::open(real_disk(), carried);
  CHECK(workspace.ledger().verify_journal().empty());
  CHECK(workspace.ledger().resolve("base@1").kind == "checkpoint");
  Maker maker{workspace, kStart + 1'000'000'000};
  maker.make("exec", {}, {{"out", "file", {{"", "new"}}}});
}

TEST_CASE("rebuild: takes the place of a ledger that cannot be read, and keeps that one") {
  cairn::test::TemporaryFolder folder;
  const fs::path w = folder.path() / "w";
  live(w);
  const std::string before = dump(w / "ledger.db");
  write_text(w / "ledger.db", "gone");
  write_text(w / "ledger.db-wal", "a log of the old one");
  const ReplacedLedger replaced = replace_ledger(real_disk(), w, false);
  CHECK(replaced.replaced);
  CHECK(replaced.kept == w / "ledger.db.before-1");
  CHECK(read_text(replaced.kept) == "gone");
  CHECK(dump(w / "ledger.db") == before);
  CHECK(replace_ledger(real_disk(), w, false).kept == w / "ledger.db.before-2");

  // Only on demand when something is missing; never beside a run at work.
  fs::path record;
  {
    Workspace workspace = Workspace::open(real_disk(), w);
    record = w / object_location(sha256(read_text(workspace.run_folder(workspace.ledger().runs()[0].uuid) / "record.json")));
    Maker maker{workspace, kStart + 1'000'000'000};
    workspace.ledger().start_run(maker.new_run("curate", {}));
    CHECK(cairn::test::error_of([&] { replace_ledger(real_disk(), w, false); }).find("is at work") != std::string::npos);
  }
  fs::remove(record);
  const ReplacedLedger refused = replace_ledger(real_disk(), w, false);
  CHECK_FALSE(refused.replaced);
  CHECK_FALSE(refused.report.problems.empty());
  CHECK(dump(w / "ledger.db") != "");
  CHECK(replace_ledger(real_disk(), w, true).replaced);
}

TEST_CASE("rebuild: a missing or damaged record is told, the rest is there") {
  cairn::test::TemporaryFolder folder;
  const fs::path w = folder.path() / "w";
  live(w);
  fs::path record;
  {
    Workspace workspace = Workspace::open_read_only(real_disk(), w);
    record = w / object_location(sha256(read_text(workspace.run_folder(workspace.ledger().runs()[0].uuid) / "record.json")));
  }
  flip_byte(record, 200);
  const RebuildReport damaged = rebuild(real_disk(), w, w / "damaged.db");
  REQUIRE_FALSE(damaged.problems.empty());
  CHECK(damaged.problems[0].find("damaged, its hash differs") != std::string::npos);
  CHECK(damaged.runs == 3);
  fs::remove(record);
  const RebuildReport missing = rebuild(real_disk(), w, w / "missing.db");
  REQUIRE_FALSE(missing.problems.empty());
  CHECK(missing.problems[0].find("no record tells them") != std::string::npos);
}

TEST_CASE("rebuild: an output that looks like a record is not taken for one") {
  cairn::test::TemporaryFolder folder;
  const fs::path w = folder.path() / "w";
  std::string forged;
  {
    Workspace workspace = make_workspace(w);
    Maker maker{workspace};
    maker.make("exec", {}, {{"out", "file", {{"", "x"}}}}, {{"name", "out"}});
    forged = read_text(workspace.run_folder(workspace.ledger().runs()[0].uuid) / "record.json");
    forged.replace(forged.find("exec done"), 9, "EXEC DONE");
    maker.make("exec", {}, {{"out", "file", {{"", forged}}}});
  }
  CHECK(parse_record(forged, "forged").run->note == "EXEC DONE");
  CHECK(rebuild(real_disk(), w, w / "again.db").problems.empty());
  CHECK(dump(w / "again.db") == dump(w / "ledger.db"));
}

TEST_CASE("records that contradict themselves are refused with the place") {
  cairn::test::TemporaryFolder folder;
  live(folder.path() / "w");
  Workspace workspace = Workspace::open_read_only(real_disk(), folder.path() / "w");
  Digest shards;
  std::string good;
  for (const Run& run : workspace.ledger().runs()) {
    if (run.op == "ingest") good = read_text(workspace.run_folder(run.uuid) / "record.json");
  }
  CHECK(record_text(parse_record(good, "r")) == good);
  const auto message = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    REQUIRE(text.find(from) != std::string::npos);
    text.replace(text.find(from), from.size(), to);
    return cairn::test::error_of([&] { parse_record(text, "r"); });
  };
  CHECK(message("\"n\":1.5", "\"n\":1.6").find("r: record.run.recipe: expected") == 0);
  CHECK(message("\"determinism_class\":\"\"", "\"determinism_class\":\"x\"").find("r: record.run.action: expected") == 0);
  CHECK(message("\"bytes\":4", "\"bytes\":5").find("r: record.run.outputs[0].digest: expected the digest of the files listed") ==
        0);
  CHECK(message("\"state\":\"done\"", "\"state\":\"running\"") == "r: record.run.state: expected done, failed, aborted or lost");
  CHECK(message("\"seed\":7", "\"seed\":-7") == "r: record.run.seed: expected an integer >= 0");
  CHECK(message("\"documents\":3", "\"documents\":\"3\"") == "r: record.run.postings[0].documents: expected an integer");
  CHECK(message("\"op\":\"ingest\"", "\"pp\":\"ingest\"") == "r: record.run: 'op' is missing");
  CHECK(message("\"path\":\"0\"", "\"path\":\"../0\"").find("not a path inside a folder") != std::string::npos);
  CHECK(message("{\"_record\"", "{\"_rekord\"").find("not a run record") != std::string::npos);
  CHECK(message("\"op\":\"ingest\"", "\"oo\":1,\"op\":\"ingest\"").find(": a record has one text, and this is another") !=
        std::string::npos);
  CHECK(message("\"seed\":7", "\"seed\": 7").find(": a record has one text, and this is another") != std::string::npos);
  CHECK(cairn::test::error_of([&] { parse_record(good.substr(0, good.size() - 1), "r"); }) != "");
}
