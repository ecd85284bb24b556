#include "lineage/recovery.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/format.h"
#include "lineage/rows.h"

namespace cairn::lineage {

namespace {

constexpr std::int64_t kDay = 24 * 60 * 60 * std::int64_t{1'000'000};
constexpr std::int64_t kOrphanDays = 14;
constexpr std::int64_t kRecordGraceMs = 60 * 60 * std::int64_t{1'000'000};

// When the name was last given to these bytes: a rename into objects/ sets it, and copying a workspace does.
std::int64_t changed_at(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return now_microseconds();
  return status.st_ctim.tv_sec * std::int64_t{1'000'000} + status.st_ctim.tv_nsec / 1000;
}

std::optional<RunUuid> uuid_of(const std::string& name) {
  try {
    return RunUuid::parse(name);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Ends what a dead process left open; true when it left something.
bool end_dead_runs(Ledger& ledger, Store& store, RunFiles& files, RecoveryReport& report) {
  bool found = false;
  for (const Run& run : ledger.open_runs()) {
    if (files.lease_alive(run.uuid)) continue;
    found = true;
    const std::string name = fmt::format("run {} ({})", run.id, run.op);
    try {
      if (run.state == RunState::sealing) {
        if (ledger.finish_from_record(run.id, [&](const Digest& digest) { return store.contains(digest); })) {
          report.actions.push_back(fmt::format("{} was killed while it was recorded; all its outputs are there: done", name));
        } else {
          ledger.end_run(run.id, RunState::failed, "killed while its outputs were sealed", now_microseconds());
          report.actions.push_back(fmt::format("{} was killed while its outputs were sealed: failed", name));
        }
      } else {
        ledger.end_run(run.id, RunState::lost, "its process ended without a word", now_microseconds());
        report.actions.push_back(fmt::format("{} was killed: lost; running the same step again goes on from what it kept", name));
      }
    } catch (const Error&) {
      if (const RunState now = ledger.run(run.id).state;
          now == RunState::running || now == RunState::sealing || now == RunState::planned)
        throw;
      // Another process recovered it first.
    }
  }
  return found;
}

void remove_stray_staging(Disk& disk, const fs::path& folder, Ledger& ledger, RunFiles& files, RecoveryReport& report) {
  const fs::path staging = folder / "staging";
  if (!disk.exists(staging)) return;
  for (const DiskEntry& entry : disk.list(staging)) {
    const fs::path path = staging / entry.name;
    if (const std::optional<RunUuid> uuid = uuid_of(entry.name)) {
      const std::optional<Run> run = ledger.run_by_uuid(*uuid);
      const bool open =
          run && (run->state == RunState::planned || run->state == RunState::running || run->state == RunState::sealing);
      if (open || files.lease_alive(*uuid)) continue;
    } else if (now_microseconds() - changed_at(path) < kRecordGraceMs) {
      continue;  // a record that another process is sealing this moment
    }
    disk.remove_tree(path);
    report.actions.push_back(fmt::format("removed staging/{}: its run is over", entry.name));
  }
}

void look_for_orphans(Disk& disk, Ledger& ledger, Store& store, RecoveryReport& report) {
  if (!ledger.open_runs().empty()) return;  // their outputs are sealed before they are recorded
  std::int64_t young = 0, removed = 0;
  for (const Digest& digest : store.list()) {
    if (ledger.artifact_by_digest(digest)) continue;
    if (now_microseconds() - changed_at(store.path_of(digest)) < kOrphanDays * kDay) {
      ++young;
      continue;
    }
    disk.remove_tree(store.path_of(digest));
    ++removed;
  }
  if (young > 0)
    report.actions.push_back(fmt::format("{} objects belong to no finished run; kept for {} days", young, kOrphanDays));
  if (removed > 0)
    report.actions.push_back(
        fmt::format("removed {} objects that belonged to no finished run for {} days", removed, kOrphanDays));
}

}  // namespace

RecoveryReport recover(Disk& disk, const fs::path& folder, Database& database, Ledger& ledger, Store& store, RunFiles& files,
                       bool clean) {
  RecoveryReport report;
  if (!clean) {
    if (const std::vector<std::string> damage = database.check(true); !damage.empty()) {
      fail("{}: damaged after a crash ({}); make it again from its records with: cairn rebuild", database.path().string(),
           damage.front());
    }
  }
  const bool killed = end_dead_runs(ledger, store, files, report);
  remove_stray_staging(disk, folder, ledger, files, report);
  if (killed || !clean) look_for_orphans(disk, ledger, store, report);
  return report;
}

}  // namespace cairn::lineage
