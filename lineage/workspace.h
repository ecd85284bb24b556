// A workspace: a folder with a ledger, a content store, runs and staging. It can be moved; nothing inside holds an absolute path.
//
//   cairn.json        marker: format version, name, time of creation
//   ledger.db         SQLite (lineage/schema.sql)
//   objects/ab/cdef.. artifacts by SHA-256, files or whole folders, read-only
//   staging/<uuid>/   outputs of a run not yet recorded
//   scratch/<action>/ what an unfinished action keeps between attempts
//   runs/<uuid>/      metrics.jsonl, lease, record.json of each run
//
// Opening recovers from whatever a kill left (spec/lineage.md §2.5): open runs whose lease is dead become `lost`, runs in
// `sealing` whose objects are all present are committed, stray staging is removed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/disk.h"
#include "lineage/ledger.h"
#include "lineage/store.h"

namespace cairn::lineage {

struct RecoveryReport {
  std::vector<std::string> actions;  // one line each, for people; empty after a clean stop
};

class Workspace {
 public:
  static void create(Disk& disk, const fs::path& folder, const std::string& name);  // Error (usage) when it exists
  // Searches `start` and its parents for cairn.json. Error (usage) telling about `cairn init` when there is none.
  static fs::path find(const fs::path& start);
  // This folder, which must be one (usage).
  static fs::path at(const fs::path& folder);
  static Workspace open(Disk& disk, const fs::path& folder);
  // Queries only: takes no locks that a writer would notice, recovers nothing.
  static Workspace open_read_only(Disk& disk, const fs::path& folder);

  ~Workspace();
  Workspace(Workspace&&) noexcept;
  Workspace& operator=(Workspace&&) noexcept;

  const fs::path& folder() const;
  Ledger& ledger();
  Store& store();
  Disk& disk();
  const RecoveryReport& recovery() const;

  fs::path run_folder(const RunUuid& run) const;            // runs/<uuid>
  bool run_alive(const RunUuid& run) const;                 // its process is there and holds its lease
  fs::path staging_folder(const RunUuid& run) const;        // staging/<uuid>
  fs::path scratch_folder(const Digest& action_key) const;  // scratch/<hex>
  // Where an artifact's bytes lie: inside objects/, or in place for adopted ones. Error when no copy is present.
  fs::path path_of(ArtifactId artifact);

 private:
  struct State;
  explicit Workspace(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cairn::lineage
