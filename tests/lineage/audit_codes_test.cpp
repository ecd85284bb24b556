// Each code of an audit has damage that gives it: here the rarer ones, and the check that none is without a test.
#include <regex>
#include <set>

#include "base/error.h"
#include "lineage/database.h"
#include "lineage/rows.h"
#include "tests/lineage/release_support.h"

using namespace cairn;
using namespace cairn::lineage;
using namespace cairn::lineage::test;

namespace {

// The reason of the finding with this code about this object; "" when there is none. An object "" is any.
std::string reason_of(const AuditReport& report, const std::string& code, const std::string& object = "") {
  for (const Finding& finding : report.findings) {
    if (finding.code == code && (object.empty() || finding.object == object)) return finding.reason;
  }
  return "";
}

// A workspace with one run whose output has an empty file, audited after `damage`.
AuditReport after(const std::function<void(const fs::path&)>& damage) {
  const cairn::test::TemporaryFolder folder;
  const fs::path w = folder.path() / "w";
  {
    Workspace workspace = make_workspace(w);
    Maker maker{workspace};
    maker.make("exec", {}, {{"out", "documents", {{"empty", ""}, {"full", "text"}}}}, {{"it", "out"}});
  }
  damage(w);
  Workspace workspace = Workspace::open_read_only(real_disk(), w);
  return audit_workspace(workspace);
}

void alter(const fs::path& workspace, const char* sql) {
  Database(workspace / "ledger.db", Database::Mode::write, kApplicationId, kSchemaVersion).script(sql);
}

fs::path record_of(const fs::path& release, const std::string& op) {
  for (const auto& entry : fs::directory_iterator(release / "records")) {
    const Record record = parse_record(read_text(entry.path()), "r");
    if (op.empty() ? record.adoption.has_value() : record.run && record.run->start.op == op) return entry.path();
  }
  return {};
}

std::set<std::string> codes_in(const fs::path& folder) {
  std::set<std::string> codes;
  const std::regex code("LIN-0[0-9]{3}");
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string text = read_text(entry.path());
    for (std::sregex_iterator it(text.begin(), text.end(), code), end; it != end; ++it) codes.insert(it->str());
  }
  return codes;
}

}  // namespace

TEST_CASE("audit: every code that the source can give is named by a test") {
  const std::set<std::string> given = codes_in(cairn::test::source_folder() / "lineage"),
                              tested = codes_in(cairn::test::source_folder() / "tests");
  CHECK(given.size() > 25);
  for (const std::string& code : given) CHECK_MESSAGE(tested.contains(code), code);
}

TEST_CASE("audit: a query that fails is a finding, and the other parts are still checked") {
  const AuditReport report = after([](const fs::path& w) { alter(w, "DROP TABLE ref; DELETE FROM location"); });
  CHECK(reason_of(report, "LIN-0102", "names").find("no such table: ref") != std::string::npos);
  CHECK(reason_of(report, "LIN-0307") != "");
}

TEST_CASE("audit: a file that cannot be read is said to be that, not damaged") {
  const AuditReport report = after([](const fs::path& w) {
    fs::path place;
    {
      Workspace workspace = Workspace::open_read_only(real_disk(), w);
      place = workspace.path_of(workspace.ledger().resolve("it").id) / "empty";
    }
    fs::permissions(place.parent_path(), fs::perms::owner_write, fs::perm_options::add);
    fs::remove(place);
    fs::create_symlink("/proc/self/mem", place);  // of no length, as recorded; reading its beginning fails, also for root
  });
  CHECK(reason_of(report, "LIN-0309").find("/empty: cannot read: ") != std::string::npos);
}

TEST_CASE("audit: an artifact that no run made and nobody adopted") {
  const AuditReport report = after([](const fs::path& w) {
    alter(w, "INSERT INTO artifact SELECT 1000, randomblob(32), 8, 0, 1, 1, created, '{}' FROM artifact WHERE id = 1");
  });
  CHECK(reason_of(report, "LIN-0403") == "no run made it and nobody adopted it");
}

TEST_CASE("audit of a release: a statement that says nothing, or not what the manifest lists") {
  const Released released;
  const std::string text = read_text(released.release / kStatementFile);
  write_text(released.release / kStatementFile, "{}");
  CHECK(reason_of(released.audit(), "LIN-0702", kStatementFile) != "");
  write_text(released.release / kStatementFile, seal_envelope("text/plain", "x", {released.key}));
  CHECK(reason_of(released.audit(), "LIN-0702", kStatementFile).find("its payload is 'text/plain'") != std::string::npos);
  write_text(released.release / kStatementFile, seal_envelope(kStatementType, "{}", {released.key}));
  CHECK(reason_of(released.audit(), "LIN-0702", kStatementFile).find("lacks what a release's statement has") !=
        std::string::npos);

  // Signed, its digests right, but of another name.
  Manifest manifest = parse_manifest(read_text(released.release / kManifestFile), kManifestFile);
  const Digest digest = sha256(manifest_text(manifest));
  manifest.name = "another";
  write_text(released.release / kStatementFile,
             seal_envelope(kStatementType, release_statement(manifest, digest), {released.key}));
  CHECK(reason_of(released.audit(), "LIN-0705", kStatementFile) != "");
  write_text(released.release / kStatementFile, text);
  CHECK(released.audit().holds());
}

TEST_CASE("audit of a release: another key is named than the one that signed") {
  const Released released;
  const std::string other = SigningKey::generate().public_key().id();
  Envelope envelope = open_envelope(read_text(released.release / kStatementFile), kStatementFile);
  envelope.signatures[0].key_id = other;
  const std::string text = read_text(released.release / kStatementFile);
  write_text(released.release / kStatementFile, envelope_text(envelope));
  CHECK(reason_of(released.audit(), "LIN-0703", kStatementFile) != "");
  write_text(released.release / kStatementFile, text);
  sign_again(released.release, released.key, [&](Manifest& manifest) { manifest.key_id = other; });
  CHECK(reason_of(released.audit(), "LIN-0703", kManifestFile) != "");
}

TEST_CASE("audit of a release: the model is not the artifact, or no record made it") {
  const Released released;
  sign_again(released.release, released.key, [](Manifest& manifest) { manifest.artifact = sha256("another"); });
  const AuditReport report = released.audit();
  CHECK(reason_of(report, "LIN-0310", "model").find("its files are not the artifact " + sha256("another").short_hex()) == 0);
  CHECK(reason_of(report, "LIN-0403", "model") == "no run record in the release made it");
}

TEST_CASE("audit of a release: records that are missing leave inputs, reports and evaluations without a maker") {
  const Released released;
  fs::remove(record_of(released.release, ""));
  sign_again(released.release, released.key);
  CHECK(reason_of(released.audit(), "LIN-0406").find("its input 'sources' (") == 0);
  CHECK(reason_of(released.audit(), "LIN-0403") == "");

  fs::remove(record_of(released.release, "evaluate"));
  sign_again(released.release, released.key);
  CHECK(reason_of(released.audit(), "LIN-0707") == "no run record in the release made it");

  fs::remove(record_of(released.release, "ingest"));
  sign_again(released.release, released.key);
  const AuditReport report = released.audit();
  const std::string own_report = "reports/" + fs::directory_iterator(released.release / "reports")->path().filename().string();
  CHECK(reason_of(report, "LIN-0406", own_report) == "no run record in the release made it");
}

TEST_CASE("audit of a release: an evaluation that measured other weights") {
  const Released released;
  const fs::path evaluation = fs::directory_iterator(released.release / "evaluations")->path();
  const std::string text = read_text(evaluation), hex = released.model.hex();
  const std::size_t at = text.find(hex);
  REQUIRE(at != std::string::npos);
  fs::permissions(evaluation, fs::perms::owner_write, fs::perm_options::add);
  write_text(evaluation, text.substr(0, at) + sha256("other").hex() + text.substr(at + hex.size()));
  sign_again(released.release, released.key);
  std::string reasons;
  for (const Finding& finding : released.audit().findings) {
    if (finding.code == "LIN-0707") reasons += finding.reason + "\n";
  }
  CHECK(reasons.find("it measured other weights than the released ones") != std::string::npos);
}
