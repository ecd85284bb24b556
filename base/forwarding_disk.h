// A disk that does what another one does, to be told apart in one or two operations by those that derive from it.
#pragma once

#include "base/disk.h"

namespace cairn {

class ForwardingDisk : public Disk {
 public:
  explicit ForwardingDisk(Disk& under = real_disk()) : under_(under) {}  // must outlive this

  std::unique_ptr<DiskFile> create(const fs::path& path) override { return under_.create(path); }
  std::unique_ptr<DiskFile> append(const fs::path& path) override { return under_.append(path); }
  std::string read(const fs::path& path) override { return under_.read(path); }
  bool exists(const fs::path& path) override { return under_.exists(path); }
  std::uint64_t size(const fs::path& path) override { return under_.size(path); }
  std::vector<DiskEntry> list(const fs::path& directory) override { return under_.list(directory); }
  void make_directories(const fs::path& directory) override { under_.make_directories(directory); }
  void rename(const fs::path& from, const fs::path& to) override { under_.rename(from, to); }
  bool rename_new(const fs::path& from, const fs::path& to) override { return under_.rename_new(from, to); }
  void link(const fs::path& from, const fs::path& to) override { under_.link(from, to); }
  void sync_directory(const fs::path& directory) override { under_.sync_directory(directory); }
  void make_read_only(const fs::path& path) override { under_.make_read_only(path); }
  void remove(const fs::path& path) override { under_.remove(path); }
  void remove_tree(const fs::path& path) override { under_.remove_tree(path); }

 private:
  Disk& under_;
};

}  // namespace cairn
