#include "lineage/workspace.h"

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "lineage/recovery.h"
#include "lineage/rows.h"

namespace cairn::lineage {

namespace {

constexpr const char* kMarker = "cairn.json";
constexpr std::int64_t kFormatVersion = 1;

void check_marker(Disk& disk, const fs::path& folder) {
  const fs::path path = folder / kMarker;
  if (!disk.exists(path))
    fail_usage("{}: not a workspace (no {}); make one with: cairn init {}", folder.string(), kMarker, folder.string());
  const Json marker = parse_json(disk.read(path), path.string());
  if (!marker.is_object() || marker.value("format", "") != "cairn-workspace" || !marker.contains("version") ||
      !marker.at("version").is_number_integer()) {
    fail("{}: not the marker of a workspace", path.string());
  }
  const auto version = marker.at("version").get<std::int64_t>();
  if (version > kFormatVersion)
    fail("{}: made by a newer cairn (workspace version {}, this one knows {})", path.string(), version, kFormatVersion);
}

}  // namespace

struct Workspace::State {
  State(Disk& disk, const fs::path& folder, Database::Mode mode)
      : disk(disk),
        folder(folder),
        store(disk, folder / "objects"),
        files(disk, store, folder),
        database(folder / "ledger.db", mode, kApplicationId, kSchemaVersion),
        ledger(database, files) {}

  Disk& disk;
  fs::path folder;
  Store store;
  RunFiles files;
  Database database;
  Ledger ledger;
  RecoveryReport recovery;
};

Workspace::Workspace(std::unique_ptr<State> state) : state_(std::move(state)) {}
Workspace::~Workspace() = default;
Workspace::Workspace(Workspace&&) noexcept = default;
Workspace& Workspace::operator=(Workspace&&) noexcept = default;

void Workspace::create(Disk& disk, const fs::path& folder, const std::string& name) {
  if (disk.exists(folder / kMarker)) fail_usage("{}: a workspace already", folder.string());
  for (const char* part : {"objects", "runs", "staging", "scratch"}) disk.make_directories(folder / part);
  const fs::path ledger = folder / "ledger.db";
  if (disk.exists(ledger)) {
    // The marker comes last, so this may be a half-made workspace; one that was used has a journal.
    if (!Database(ledger, Database::Mode::read, 0, kSchemaVersion).query("SELECT 1 FROM sqlite_schema").next()) {
      disk.remove(ledger);
    } else if (Database(ledger, Database::Mode::read, kApplicationId, kSchemaVersion).query("SELECT 1 FROM journal").next()) {
      fail("{}: holds a used ledger.db but no {}; put the {} back from a copy", folder.string(), kMarker, kMarker);
    }
  }
  if (!disk.exists(ledger)) {
    Database database(ledger, Database::Mode::create, kApplicationId, kSchemaVersion);
    Transaction transaction(database, "create the tables");
    database.script(schema_sql());
    transaction.commit();
  }
  const Json marker{{"format", "cairn-workspace"}, {"version", kFormatVersion}, {"name", name}, {"created", now_microseconds()}};
  disk.sync_directory(folder);
  write_file_atomically(disk, folder / kMarker, pretty_json(marker));
}

fs::path Workspace::find(const fs::path& start) {
  for (fs::path folder = fs::absolute(start).lexically_normal();; folder = folder.parent_path()) {
    if (fs::exists(folder / kMarker)) return folder;
    if (folder == folder.parent_path()) break;
  }
  fail_usage("no workspace in {} or above it; make one with: cairn init", fs::absolute(start).string());
}

fs::path Workspace::at(const fs::path& folder) {
  const fs::path path = fs::absolute(folder).lexically_normal();
  check_marker(real_disk(), path);
  return path;
}

Workspace Workspace::open(Disk& disk, const fs::path& folder) {
  check_marker(disk, folder);
  const bool clean = !disk.exists(folder / "ledger.db-wal");
  Workspace workspace(std::make_unique<State>(disk, folder, Database::Mode::write));
  State& state = *workspace.state_;
  state.recovery = recover(disk, folder, state.database, state.ledger, state.store, state.files, clean);
  return workspace;
}

Workspace Workspace::open_read_only(Disk& disk, const fs::path& folder) {
  check_marker(disk, folder);
  return Workspace(std::make_unique<State>(disk, folder, Database::Mode::read));
}

const fs::path& Workspace::folder() const {
  return state_->folder;
}
Ledger& Workspace::ledger() {
  return state_->ledger;
}
Store& Workspace::store() {
  return state_->store;
}
Disk& Workspace::disk() {
  return state_->disk;
}
const RecoveryReport& Workspace::recovery() const {
  return state_->recovery;
}

fs::path Workspace::run_folder(const RunUuid& run) const {
  return state_->files.run_folder(run);
}
bool Workspace::run_alive(const RunUuid& run) const {
  return state_->files.lease_alive(run);
}
fs::path Workspace::staging_folder(const RunUuid& run) const {
  return state_->files.staging_folder(run);
}
fs::path Workspace::scratch_folder(const Digest& action_key) const {
  return state_->folder / "scratch" / action_key.hex();
}

fs::path Workspace::path_of(ArtifactId id) {
  const Ledger& ledger = state_->ledger;
  std::string looked;
  const auto present = [&](const fs::path& path) {
    if (fs::exists(path)) return true;
    looked += (looked.empty() ? "" : ", ") + path.string();
    return false;
  };
  for (const std::string& location : ledger.locations(id)) {
    const fs::path path = (state_->folder / location).lexically_normal();
    if (present(path)) return path;
  }
  const Digest digest = ledger.artifact(id).digest;
  for (const ArtifactId tree : ledger.trees_with(id)) {
    for (const TreeEntry& entry : ledger.tree_entries(tree)) {
      if (entry.digest != digest) continue;
      for (const std::string& location : ledger.locations(tree)) {
        const fs::path path = (state_->folder / location / entry.path).lexically_normal();
        if (present(path)) return path;
      }
    }
  }
  fail("artifact {} ({}): its bytes are gone; looked for {}", digest.short_hex(), ledger.artifact(id).kind,
       looked.empty() ? "nothing" : looked);
}

}  // namespace cairn::lineage
