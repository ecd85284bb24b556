#include "lineage/audit.h"

#include <random>

#include "base/error.h"
#include "base/json.h"
#include "lineage/database.h"
#include "lineage/rows.h"
#include "tests/lineage/lineage_support.h"

using namespace cairn;
using namespace cairn::lineage;
using namespace cairn::lineage::test;

namespace {

std::string codes(const AuditReport& report) {
  std::string list;
  for (const Finding& finding : report.findings) list += (list.empty() ? "" : " ") + finding.code;
  return list;
}

struct Fixture {
  cairn::test::TemporaryFolder folder;
  fs::path w = folder.path() / "w";
  Fixture() {
    write_text(folder.path() / "docs" / "a.html", std::string(3000, 'a'));
    Workspace workspace = make_workspace(w);
    Maker maker{workspace};
    const ArtifactId raw =
        workspace.ledger().adopt(hash_content(folder.path() / "docs"), "raw", "../docs", Trust::declared, "a.org", kStart);
    const auto corpus = maker.make("ingest", {{"sources", 0, raw}},
                                   {{"documents", "documents", {{"0", std::string(5000, 'x')}, {"sub/1", std::string(70, 'y')}}}},
                                   {{"corpus", "documents"}});
    maker.make("pretrain", {{"data", 0, corpus[0]}}, {{"checkpoint", "checkpoint", {{"", std::string(9000, 'w')}}}},
               {{"base", "checkpoint"}});
  }
  AuditReport audit() {
    Workspace workspace = Workspace::open_read_only(real_disk(), w);
    return audit_workspace(workspace);
  }
  void alter(const char* sql) { Database(w / "ledger.db", Database::Mode::write, kApplicationId, kSchemaVersion).script(sql); }
  fs::path object(const std::string& name) {
    Workspace workspace = Workspace::open_read_only(real_disk(), w);
    return workspace.path_of(workspace.ledger().resolve(name).id);
  }
};

}  // namespace

TEST_CASE("audit: a workspace that was left alone holds") {
  Fixture fixture;
  const AuditReport report = fixture.audit();
  CHECK(report.holds());
  CHECK(codes(report) == "");
  CHECK(report.files == 7);  // a.html, two shards, a checkpoint, three records
  CHECK(report.runs == 2);
  CHECK(report.to_text().find(": OK\n") != std::string::npos);
  CHECK(report.to_json().at("holds") == true);
}

TEST_CASE("audit: a byte flipped anywhere in any artifact is found, and the file is named") {
  Fixture fixture;
  std::vector<fs::path> files{fixture.folder.path() / "docs" / "a.html"};
  for (const auto& entry : fs::recursive_directory_iterator(fixture.w / "objects")) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  REQUIRE(files.size() == 7);
  std::mt19937 random(1);
  for (int trial = 0; trial < 60; ++trial) {
    const fs::path& file = files[static_cast<std::size_t>(trial) % files.size()];
    const std::uint64_t offset = random() % fs::file_size(file);
    const auto mask = static_cast<unsigned char>(1u << (random() % 8));
    flip_byte(file, offset, mask);
    const AuditReport report = fixture.audit();
    CHECK_FALSE(report.holds());
    REQUIRE_FALSE(report.findings.empty());
    const bool named = std::any_of(report.findings.begin(), report.findings.end(), [&](const Finding& finding) {
      return finding.code == "LIN-0303" && fs::weakly_canonical(fixture.w / finding.object) == fs::weakly_canonical(file);
    });
    CHECK(named);
    flip_byte(file, offset, mask);
  }
  CHECK(fixture.audit().holds());
}

TEST_CASE("audit: where a whole copy of the file exists, the offset is told") {
  Fixture fixture;
  {
    Workspace workspace = Workspace::open(real_disk(), fixture.w);
    Maker maker{workspace, kStart + 1'000'000'000};
    maker.make("exec", {}, {{"out", "file", {{"copy", std::string(9000, 'w')}}}});
  }
  flip_byte(fixture.object("base"), 4321);
  const AuditReport report = fixture.audit();
  REQUIRE(codes(report) == "LIN-0303");
  CHECK(report.findings[0].offset == 4321);
  CHECK(report.findings[0].remedy.find("a whole copy is objects/") == 0);
}

TEST_CASE("audit: missing, longer, unlisted, orphaned") {
  Fixture fixture;
  const fs::path corpus = fixture.object("corpus");
  write_text(corpus / "extra", "x");
  CHECK(codes(fixture.audit()) == "LIN-0305");
  fs::remove(corpus / "extra");
  fs::permissions(corpus / "sub/1", fs::perms::owner_exec, fs::perm_options::add);
  CHECK(codes(fixture.audit()) == "LIN-0304");
  fs::remove(corpus / "sub/1");
  CHECK(codes(fixture.audit()) == "LIN-0301");
  write_text(corpus / "sub/1", std::string(71, 'y'));
  const AuditReport longer = fixture.audit();
  CHECK(codes(longer) == "LIN-0302");
  CHECK(longer.findings[0].reason.find("71 bytes, recorded 70") == 0);
  fs::remove(corpus / "sub/1");
  write_text(corpus / "sub/1", std::string(70, 'y'));
  write_text(fixture.w / "objects/ab" / std::string(62, '0'), "nobody's");
  const AuditReport orphan = fixture.audit();
  CHECK(codes(orphan) == "LIN-0306");
  CHECK(orphan.holds());
}

TEST_CASE("audit: rows that were changed behind cairn's back") {
  const auto after = [](const char* sql) {
    Fixture fixture;
    fixture.alter(sql);
    return codes(fixture.audit());
  };
  CHECK(after("DROP TRIGGER journal_no_update; UPDATE journal SET body = replace(body, 'pretrain', 'pretraim') WHERE event = "
              "'run.started'") == "LIN-0201");
  CHECK(after("DROP TRIGGER journal_no_delete; DELETE FROM journal WHERE seq = 3") == "LIN-0201");
  CHECK(after("DROP TRIGGER journal_no_delete; DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)") == "LIN-0202");
  CHECK(after("DELETE FROM edge").find("LIN-0402") == 0);
  CHECK(after("INSERT INTO edge SELECT parent, child, run FROM edge WHERE run = 2") == "LIN-0402");
  CHECK(after("DROP TRIGGER run_ended_is_final; UPDATE run SET note = 'better' WHERE id = 1") == "LIN-0405");
  CHECK(after("DROP TRIGGER run_ended_is_final; UPDATE run SET seed = 8 WHERE id = 1") == "LIN-0405");
  CHECK(after("DELETE FROM adoption").find("LIN-0401") != std::string::npos);
  CHECK(after("UPDATE artifact SET created = 0; UPDATE artifact SET created = 9e18 WHERE kind = 2") == "LIN-0404");
  CHECK(after("INSERT INTO ref SELECT name, 3, artifact, moved FROM ref WHERE name = 'base'") == "LIN-0501");
  CHECK(after("PRAGMA foreign_keys = OFF; DELETE FROM artifact WHERE kind = 7").find("LIN-0101") != std::string::npos);
  CHECK(after("UPDATE tree_entry SET path = 'other' WHERE path = '0'").find("LIN-0308") != std::string::npos);
  CHECK(after("DELETE FROM location WHERE artifact = (SELECT id FROM artifact WHERE kind = 7)") == "LIN-0307");
}

TEST_CASE("audit: the journal's triggers stop accidents, REPLACE too") {
  Fixture fixture;
  for (const char* sql : {"UPDATE journal SET time = 1", "DELETE FROM journal",
                          "REPLACE INTO journal SELECT seq, 1, event, body, previous, hash FROM journal"}) {
    CHECK(cairn::test::error_of([&] { fixture.alter(sql); }).find("append-only") != std::string::npos);
  }
  CHECK(fixture.audit().holds());
}

TEST_CASE("audit: own policies are asked last, and a damaged page does not stop the audit") {
  Fixture fixture;
  {
    Workspace workspace = Workspace::open_read_only(real_disk(), fixture.w);
    AuditOptions options;
    options.policy = [](Workspace&) {
      return std::vector<Finding>{{.code = "LIN-0601", .object = "a.org", .reason = "opted out", .remedy = ""}};
    };
    CHECK(codes(audit_workspace(workspace, options)) == "LIN-0601");
  }
  const std::uint64_t size = fs::file_size(fixture.w / "ledger.db");
  for (std::uint64_t at = 8192 * 6; at < size; at += 8192) flip_byte(fixture.w / "ledger.db", at, 0xff);
  Workspace workspace = Workspace::open_read_only(real_disk(), fixture.w);
  const AuditReport report = audit_workspace(workspace);
  CHECK_FALSE(report.holds());
  CHECK(codes(report).find("LIN-010") == 0);
}
