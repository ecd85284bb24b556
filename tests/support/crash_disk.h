// A disk that is cut off after some operations, and a folder that then holds what the crash would have left.
//
//   CrashDisk disk(folder);                 // real files in a real folder
//   disk.crash_after(7);                    // operations 1 to 7 work, the 8th throws SimulatedCrash
//   try { store(disk); } catch (const SimulatedCrash&) {}
//   recover(real_disk(), folder);           // and look
//
// or, for every prefix at once:
//
//   replay_every_crash(CrashLoss::unsynced, [](Disk& disk, const fs::path& folder) { store(disk, folder); },
//                      [](const fs::path& folder, const CrashReport& crash) { CHECK(recovers(folder)); });
//
// Files that other code changes in the folder (SQLite's) are left as they are. For one thread.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/disk.h"

namespace cairn::test {

// Thrown at the cut, and by every later operation. Not a std::exception, so that no handler of errors takes it for one; while it
// passes, changes that destructors ask for are ignored: a dead process changes nothing.
struct SimulatedCrash {
  std::string operation;  // the one that did not happen, "rename staging/1 -> objects/ab"
};

enum class CrashLoss {
  nothing,   // the process was killed: what was done stays
  torn,      // as nothing, but when the cut hits a write, half of its bytes arrived
  unsynced,  // the power failed: bytes after the last sync() of their file are gone, and so are the creations, renames and
             // removals in folders that were not synced since. A rename is durable with the folder it moved to. Modes are always
             // durable.
};

class CrashDisk final : public Disk {
 public:
  explicit CrashDisk(fs::path folder);  // must exist; every changed path lies in it
  ~CrashDisk() override;

  void crash_after(int operations, CrashLoss loss = CrashLoss::nothing);
  bool crashed() const;
  // What changed something or asked for durability, in order, with paths relative to the folder: "create a", "write a 12", "sync
  // a", "sync-directory .".
  const std::vector<std::string>& operations() const;

  std::unique_ptr<DiskFile> create(const fs::path& path) override;
  std::unique_ptr<DiskFile> append(const fs::path& path) override;
  std::string read(const fs::path& path) override;
  bool exists(const fs::path& path) override;
  std::uint64_t size(const fs::path& path) override;
  std::vector<DiskEntry> list(const fs::path& directory) override;
  void make_directories(const fs::path& directory) override;
  void rename(const fs::path& from, const fs::path& to) override;
  bool rename_new(const fs::path& from, const fs::path& to) override;
  void link(const fs::path& from, const fs::path& to) override;
  void sync_directory(const fs::path& directory) override;
  void make_read_only(const fs::path& path) override;
  void remove(const fs::path& path) override;
  void remove_tree(const fs::path& path) override;

  struct State;

 private:
  std::shared_ptr<State> state_;  // open files hold it too
};

struct CrashReport {
  int after = 0;    // operations that succeeded
  std::string cut;  // the operation that did not happen; empty: the run came to its end
};

// Runs `run` in fresh folders, cut after 0, 1, 2, ... operations until it comes to its end, and calls `check` on what each left.
// `prepare` (optional) fills the folder first, on the real disk. Returns the number of operations of a whole run.
int replay_every_crash(CrashLoss loss, const std::function<void(Disk& disk, const fs::path& folder)>& run,
                       const std::function<void(const fs::path& folder, const CrashReport& crash)>& check,
                       const std::function<void(const fs::path& folder)>& prepare = {});

}  // namespace cairn::test
