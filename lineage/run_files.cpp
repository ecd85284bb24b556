#include "lineage/run_files.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"

namespace cairn::lineage {

namespace {

// Small files of /proc; empty where there is none.
std::string system_text(const std::string& path) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string boot_id() {
  return system_text("/proc/sys/kernel/random/boot_id");
}

// Field 22 of /proc/PID/stat: ticks after boot at which the process started. The name in field 2 may hold spaces and brackets.
// Nothing for a zombie: it runs no more, and keeps its id only until its parent asks how it ended, which may be never.
std::string process_start(long pid) {
  const std::string stat = system_text(fmt::format("/proc/{}/stat", pid));
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return "";
  std::istringstream rest(stat.substr(name_end + 1));
  std::string word;
  for (int field = 3; field <= 22; ++field) {
    rest >> word;
    if (field == 3 && (word == "Z" || word == "X")) return "";
  }
  return word;
}

}  // namespace

RunFiles::RunFiles(Disk& disk, Store& store, fs::path workspace) : disk_(disk), store_(store), workspace_(std::move(workspace)) {}

RunFiles::~RunFiles() {
  for (const RunUuid& run : held_) {
    try {
      disk_.remove(run_folder(run) / "lease");
    } catch (const std::exception&) {
      // The process is about to end or has lost its disk; either way the lease dies with it.
    }
  }
}

void RunFiles::take_lease(const RunUuid& run) {
  const long pid = ::getpid();
  const Json lease{{"pid", pid}, {"started", process_start(pid)}, {"boot", boot_id()}};
  disk_.make_directories(run_folder(run));
  write_file_atomically(disk_, run_folder(run) / "lease", canonical_json(lease) + "\n");
  held_.insert(run);
}

void RunFiles::drop_lease(const RunUuid& run) {
  disk_.remove(run_folder(run) / "lease");
  held_.erase(run);
}

bool RunFiles::lease_alive(const RunUuid& run) const {
  if (held_.contains(run)) return true;
  const fs::path path = run_folder(run) / "lease";
  if (!disk_.exists(path)) return false;
  long pid = 0;
  std::string started, boot;
  try {
    const Json lease = parse_json(disk_.read(path), path.string());
    pid = lease.at("pid").get<long>();
    started = lease.at("started").get<std::string>();
    boot = lease.at("boot").get<std::string>();
  } catch (const std::exception&) {
    return false;  // torn or foreign: nobody can show that it is alive
  }
  if (pid <= 0 || boot != boot_id()) return false;
  if (::kill(static_cast<pid_t>(pid), 0) != 0 && errno != EPERM) return false;
  return process_start(pid) == started;
}

Content RunFiles::seal_record(const std::string& text, const std::optional<RunUuid>& run) {
  if (run) {
    disk_.make_directories(run_folder(*run));
    write_file_atomically(disk_, run_folder(*run) / "record.json", text);
  }
  const RunUuid name = run ? *run : RunUuid::make(now_microseconds());
  const fs::path staged = workspace_ / "staging" / (name.text() + ".record");
  disk_.make_directories(staged.parent_path());
  disk_.remove(staged);
  const std::unique_ptr<DiskFile> file = disk_.create(staged);
  file->write(text);
  file->close();
  return store_.seal(staged);
}

std::optional<std::string> RunFiles::record_text(const RunUuid& run) const {
  const fs::path path = run_folder(run) / "record.json";
  if (!disk_.exists(path)) return std::nullopt;
  return disk_.read(path);
}

void RunFiles::remove_staging(const RunUuid& run) {
  disk_.remove_tree(staging_folder(run));
}

}  // namespace cairn::lineage
