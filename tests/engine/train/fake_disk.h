// A disk for tests of saving: full, or too slow.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>

#include "base/disk.h"
#include "base/error.h"

namespace cairn::train {

// The real disk, which can be full, or so slow that nothing is written until it is told to.
class FakeDisk final : public Disk {
 public:
  std::atomic<std::int64_t> free{std::numeric_limits<std::int64_t>::max()};  // bytes
  std::atomic<bool> open{true};
  std::atomic<int> writes{0};

  void release() {
    open = true;
    open.notify_all();
  }
  std::unique_ptr<DiskFile> create(const fs::path& path) override {
    return std::make_unique<File>(*this, real_disk().create(path));
  }
  std::unique_ptr<DiskFile> append(const fs::path& path) override { return real_disk().append(path); }
  std::string read(const fs::path& path) override { return real_disk().read(path); }
  bool exists(const fs::path& path) override { return real_disk().exists(path); }
  std::uint64_t size(const fs::path& path) override { return real_disk().size(path); }
  std::vector<DiskEntry> list(const fs::path& directory) override { return real_disk().list(directory); }
  void make_directories(const fs::path& directory) override { real_disk().make_directories(directory); }
  void rename(const fs::path& from, const fs::path& to) override { real_disk().rename(from, to); }
  bool rename_new(const fs::path& from, const fs::path& to) override { return real_disk().rename_new(from, to); }
  void sync_directory(const fs::path& directory) override { real_disk().sync_directory(directory); }
  void make_read_only(const fs::path& path) override { real_disk().make_read_only(path); }
  void remove(const fs::path& path) override { real_disk().remove(path); }
  void remove_tree(const fs::path& path) override { real_disk().remove_tree(path); }

 private:
  class File final : public DiskFile {
   public:
    File(FakeDisk& disk, std::unique_ptr<DiskFile> file) : disk_(disk), file_(std::move(file)) {}
    void write(std::string_view bytes) override {
      disk_.open.wait(false);
      if ((disk_.free -= static_cast<std::int64_t>(bytes.size())) < 0) fail("cannot write: No space left on device");
      ++disk_.writes;
      file_->write(bytes);
    }
    void sync() override { file_->sync(); }
    void close() override { file_->close(); }

   private:
    FakeDisk& disk_;
    std::unique_ptr<DiskFile> file_;
  };
};

}  // namespace cairn::train
