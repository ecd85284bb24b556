// What a run has on disk beside its outputs: its lease, its record, its staging folder (spec/lineage.md §2.4, 2.5).
//
// A lease says which process runs a run: process id, the moment that process started, the boot it belongs to. A lease is alive
// while that very process is; nothing has to be renewed, and a reused process id or a reboot does not revive it.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "base/disk.h"
#include "lineage/ledger.h"
#include "lineage/store.h"

namespace cairn::lineage {

class RunFiles {
 public:
  RunFiles(Disk& disk, Store& store, fs::path workspace);
  ~RunFiles();  // gives back the leases still held: an open run without one is lost
  RunFiles(const RunFiles&) = delete;
  RunFiles& operator=(const RunFiles&) = delete;

  fs::path run_folder(const RunUuid& run) const { return workspace_ / "runs" / run.text(); }
  fs::path staging_folder(const RunUuid& run) const { return workspace_ / "staging" / run.text(); }

  void take_lease(const RunUuid& run);
  void drop_lease(const RunUuid& run);
  bool lease_alive(const RunUuid& run) const;

  // Seals a record's text as an object. With `run`, also as runs/<uuid>/record.json, first: recovery finds it there.
  Content seal_record(const std::string& text, const std::optional<RunUuid>& run);
  std::optional<std::string> record_text(const RunUuid& run) const;
  void remove_staging(const RunUuid& run);

 private:
  Disk& disk_;
  Store& store_;
  fs::path workspace_;
  std::set<RunUuid> held_;
};

}  // namespace cairn::lineage
