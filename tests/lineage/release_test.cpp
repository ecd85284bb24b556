#include "lineage/release.h"

#include <algorithm>
#include <random>

#include "base/error.h"
#include "tests/lineage/release_support.h"

using namespace cairn;
using namespace cairn::lineage;
using namespace cairn::lineage::test;

namespace {

const Finding* about(const AuditReport& report, const std::string& object) {
  for (const Finding& finding : report.findings) {
    if (finding.object == object && finding.severity == Severity::error) return &finding;
  }
  return nullptr;
}

std::string code_of(const AuditReport& report, const std::string& object) {
  const Finding* finding = about(report, object);
  return finding ? finding->code : "";
}

}  // namespace

TEST_CASE("release: holds anywhere, without the workspace, and has all that is upstream") {
  const Released released;
  const AuditReport report = released.audit({released.key.public_key()});
  CHECK(report.holds());
  CHECK(report.to_text().find(": OK\n") != std::string::npos);
  CHECK(report.runs == 6);  // ingest, curate, pretrain twice, export, evaluate
  const std::vector<std::string> files = released.files();
  CHECK(std::count_if(files.begin(), files.end(), [](const std::string& f) { return f.starts_with("records/"); }) == 7);
  CHECK(std::count_if(files.begin(), files.end(), [](const std::string& f) { return f.starts_with("reports/"); }) == 1);
  for (const char* file : {"README.md", "key.pem", "manifest.json", "model/config.json", "model/empty", "model/model.safetensors",
                           "parity.bin", "pipeline.json", "statement.dsse.json"}) {
    CHECK_MESSAGE(std::find(files.begin(), files.end(), file) != files.end(), file);
  }
  for (const std::string& file : files) CHECK(read_text(released.release / file).find("dropped text") == std::string::npos);
}

TEST_CASE("release: pipeline.json has each step once, wired, with its config and seed") {
  const Released released;
  const Json pipeline = parse_json(read_text(released.release / "pipeline.json"), "pipeline.json");
  CHECK(pipeline.at("steps").size() == 5);
  CHECK(pipeline.at("steps").at("base").at("config") == Json{{"steps", 7}});
  CHECK(pipeline.at("steps").at("base").at("inputs") == Json{{"data", "clean.documents"}});
  CHECK(pipeline.at("steps").at("base").at("seed") == 7);
  CHECK(pipeline.at("steps").at("chat").at("inputs") == Json{{"checkpoint", "base.checkpoint"}});
}

TEST_CASE("model card: numbers only of the released weights, sources and licences as they came in, the reproduction") {
  const Released released;
  const std::string card = read_text(released.release / "README.md");
  for (const char* text : {"| quiz | acc,none | 0.625 |", "| a.org | 3 |", "| CC-BY-4.0 OR MIT | 2 |", "| not stated | 1 |",
                           "- \"de\"\n", "Made again from its record", "To be provided."}) {
    CHECK_MESSAGE(card.find(text) != std::string::npos, text);
  }
  CHECK(card.find("0.875") == std::string::npos);
}

TEST_CASE("audit of a release: a byte flipped anywhere in any file is found, and file and offset are named") {
  const Released released;
  std::mt19937 random(7);
  for (const std::string& file : released.files()) {
    const fs::path path = released.release / file;
    const std::uint64_t size = fs::file_size(path);
    if (size == 0) continue;
    for (int trial = 0; trial < 8; ++trial) {
      const std::uint64_t offset = trial == 0 ? 0 : trial == 1 ? size - 1 : random() % size;
      const auto mask = static_cast<unsigned char>(1u << (random() % 8));
      flip_byte(path, offset, mask);
      for (const auto& trusted : {std::vector<PublicKey>{}, {released.key.public_key()}}) {
        const AuditReport report = released.audit(trusted);
        CHECK_FALSE(report.holds());
        const Finding* finding = about(report, file);
        REQUIRE_MESSAGE(finding, file, " at ", offset);
        CHECK_MESSAGE(finding->offset == offset, file, " at ", offset, ": ", finding->reason);
      }
      flip_byte(path, offset, mask);
    }
  }
  // In the signature, too, which nothing but the private key could make again.
  const std::string statement = read_text(released.release / kStatementFile);
  const std::size_t signature = statement.find("\"sig\":\"") + 7;
  for (const std::size_t at : {0u, 1u, 40u, 84u, 85u, 87u}) {
    flip_byte(released.release / kStatementFile, signature + at);
    const AuditReport report = released.audit();
    REQUIRE(about(report, kStatementFile));
    CHECK(about(report, kStatementFile)->offset == signature + at);
    flip_byte(released.release / kStatementFile, signature + at);
  }
  CHECK(released.audit().holds());
}

TEST_CASE("audit of a release: what is missing, longer, shorter, not listed, or no file") {
  const Released released;
  const std::vector<std::string> files = released.files();
  for (const std::string& file : files) {
    const fs::path path = released.release / file, away = released.folder.path() / "away";
    fs::rename(path, away);
    CHECK_MESSAGE(code_of(released.audit(), file) == "LIN-0301", file);
    fs::rename(away, path);
  }
  const fs::path weights = released.release / "model/model.safetensors";
  const std::string whole = read_text(weights);
  write_text(weights, whole + "x");
  CHECK(code_of(released.audit(), "model/model.safetensors") == "LIN-0302");
  write_text(weights, whole.substr(0, 70'000));
  const AuditReport shorter = released.audit();
  CHECK(code_of(shorter, "model/model.safetensors") == "LIN-0302");
  CHECK(about(shorter, "model/model.safetensors")->offset == 65'536);
  write_text(weights, whole);
  for (const char* place : {"extra", "model/extra", "records/extra.json", "deep/er/extra"}) {
    write_text(released.release / place, "x");
    CHECK(code_of(released.audit(), place) == "LIN-0305");
    fs::remove(released.release / place);
  }
  fs::create_symlink(weights, released.release / "model/link");
  CHECK(code_of(released.audit(), "model/link") == "LIN-0305");
  fs::remove(released.release / "model/link");
  fs::permissions(released.release / "model/config.json", fs::perms::owner_exec, fs::perm_options::add);
  CHECK(code_of(released.audit(), "model/config.json") == "LIN-0304");
  fs::permissions(released.release / "model/config.json", fs::perms::owner_exec, fs::perm_options::remove);
  CHECK(released.audit().holds());
  CHECK(cairn::test::error_of([&] { audit_release(released.folder.path()); }).find("not a release") != std::string::npos);
}

TEST_CASE("audit of a release: many changed bytes are placed by range, and two changed files are both named") {
  const Released released;
  const fs::path weights = released.release / "model/model.safetensors";
  flip_byte(weights, 70'000);
  flip_byte(weights, 140'000);
  flip_byte(released.release / "pipeline.json", 3);
  const AuditReport report = released.audit();
  REQUIRE(about(report, "model/model.safetensors"));
  CHECK(about(report, "model/model.safetensors")->reason.find("2 of 3 chunks are damaged, in bytes 65536..") !=
        std::string::npos);
  CHECK(about(report, "pipeline.json")->offset == 3);
}

TEST_CASE("audit of a release: an unknown key is said plainly, a trusted one says nothing") {
  const Released released;
  const AuditReport nobody = released.audit();
  CHECK(nobody.holds());
  CHECK(nobody.to_text().find("nobody told whether to trust it") != std::string::npos);
  CHECK(released.audit({released.key.public_key()}).to_text().find("LIN-07") == std::string::npos);
  const AuditReport unknown = released.audit({SigningKey::generate().public_key()});
  CHECK_FALSE(unknown.holds());
  REQUIRE(code_of(unknown, "signature") == "LIN-0704");
  CHECK(about(unknown, "signature")->reason.find("signed by the unknown key " + released.key.public_key().id().substr(0, 16)) ==
        0);
}

TEST_CASE("audit of a release: what was altered and signed again with another key does not pass as the maker's") {
  const Released released;
  const SigningKey other = SigningKey::generate();
  // A forger changes the card, lists it, and signs: all digests hold.
  write_text(released.release / "README.md", "# The best model\n");
  sign_again(released.release, other);
  const AuditReport report = released.audit({released.key.public_key()});
  CHECK(code_of(report, "signature") == "LIN-0704");
  CHECK(code_of(report, "README.md") == "LIN-0706");
  CHECK(code_of(released.audit(), "README.md") == "LIN-0706");
}

TEST_CASE("licences: counted, and held against a list; one side of OR is enough") {
  const Released released;
  const auto with = [&](const std::vector<std::string>& allowed) {
    AuditOptions options;
    options.allowed_licences = allowed;
    return audit_release(released.release, {}, options);
  };
  CHECK(with({}).licences == std::map<std::string, std::int64_t>{{"", 1}, {"CC-BY-4.0 OR MIT", 2}});
  CHECK(with({}).holds());
  CHECK(code_of(with({"mit"}), "CC-BY-4.0 OR MIT") == "");
  CHECK(code_of(with({"cc-by-*"}), "CC-BY-4.0 OR MIT") == "");
  CHECK(code_of(with({"GPL-*"}), "CC-BY-4.0 OR MIT") == "LIN-0601");
  CHECK(code_of(with({"GPL-*"}), "licences") == "LIN-0602");
}

TEST_CASE("release: refuses what it could not vouch for, and leaves no signed folder behind") {
  const Released released;
  const fs::path w = released.folder.path() / "gone", out = released.folder.path() / "second";
  Workspace workspace = Workspace::open_read_only(real_disk(), w);
  const auto message = [&](const std::string& name, const fs::path& folder) {
    return cairn::test::error_of(
        [&] { make_release(workspace, workspace.ledger().resolve(name), "n", folder, released.key, kStart); });
  };
  CHECK(message("chat", released.release).find("exists and is not empty") != std::string::npos);
  CHECK(message(sha256(read_text(released.folder.path() / "docs/a.html")).hex(), out).find("no run here made it") !=
        std::string::npos);
  flip_byte(workspace.path_of(workspace.ledger().resolve("chat").id) / "model.safetensors", 5);
  CHECK(message("chat", out).find("do not have the digest of the artifact") != std::string::npos);
  CHECK_FALSE(fs::exists(out / kStatementFile));
}
