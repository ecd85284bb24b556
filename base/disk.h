// File-system operations whose order matters, behind an interface that tests can fake: record, cut short at any prefix, and
// look at what a crash would have left (tests/support/crash_disk.h).
//
// Everything that writes to a workspace goes through a Disk. Reading may use it too, or map files (base/mapped_file.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cairn {

namespace fs = std::filesystem;

// A file being written, front to back. Destroying it closes it; nothing is durable before sync(). Each write is one system call:
// gather small pieces first.
class DiskFile {
 public:
  virtual ~DiskFile() = default;
  virtual void write(std::string_view bytes) = 0;
  virtual void sync() = 0;  // fsync
  virtual void close() = 0;
};

struct DiskEntry {
  std::string name;
  bool is_directory = false;
  std::uint64_t bytes = 0;  // of a file
  bool is_file = false;     // a regular file; symbolic links and devices are neither file nor directory
};

// All operations throw Error naming the path and the reason.
class Disk {
 public:
  virtual ~Disk() = default;
  virtual std::unique_ptr<DiskFile> create(const fs::path& path) = 0;  // exclusive: fails if it exists
  virtual std::unique_ptr<DiskFile> append(const fs::path& path) = 0;  // creates if missing
  virtual std::string read(const fs::path& path) = 0;
  virtual bool exists(const fs::path& path) = 0;  // a dangling link exists too
  virtual std::uint64_t size(const fs::path& path) = 0;
  virtual std::vector<DiskEntry> list(const fs::path& directory) = 0;  // sorted by name bytes
  virtual void make_directories(const fs::path& directory) = 0;        // durable once their parents are synced
  virtual void rename(const fs::path& from, const fs::path& to) = 0;   // atomic; replaces a file at `to`
  // Atomic; returns false (and leaves both) when `to` exists.
  virtual bool rename_new(const fs::path& from, const fs::path& to) = 0;
  // A second name for a file's bytes, on the same file system; fails when `to` exists.
  virtual void link(const fs::path& from, const fs::path& to) = 0;
  virtual void sync_directory(const fs::path& directory) = 0;
  virtual void make_read_only(const fs::path& path) = 0;
  virtual void remove(const fs::path& path) = 0;       // a file; missing is fine
  virtual void remove_tree(const fs::path& path) = 0;  // missing is fine
};

Disk& real_disk();

// What rename_new does on file systems without RENAME_NOREPLACE (some network ones). A file moves by link and unlink, which never
// replaces. A folder moves by rename, which never replaces a folder that has something in it; an empty one that appears between
// check and rename is replaced.
bool rename_new_in_two_steps(const fs::path& from, const fs::path& to);

// A new file, written front to back; small pieces are gathered, so that many of them are not as many system calls.
class GatheringFile {
 public:
  GatheringFile(Disk& disk, const fs::path& path) : file_(disk.create(path)) {}
  void write(std::string_view bytes);
  void finish();  // syncs and closes

 private:
  void flush();
  std::unique_ptr<DiskFile> file_;
  std::string gathered_;
};

// A new file of these bytes, synced: for a folder that nobody reads yet.
void write_new_file(Disk& disk, const fs::path& path, std::string_view bytes);

// Writes a whole file so that readers see the old bytes or all of the new ones: temporary name in the same folder, write, sync,
// rename, sync the folder.
void write_file_atomically(Disk& disk, const fs::path& path, std::string_view bytes);
void write_file_atomically(const fs::path& path, std::string_view bytes);
std::string read_file(const fs::path& path);

}  // namespace cairn
