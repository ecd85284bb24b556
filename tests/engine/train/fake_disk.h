// A disk for tests of saving: full, or too slow.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>

#include "base/error.h"
#include "base/forwarding_disk.h"

namespace cairn::train {

// The real disk, which can be full, or so slow that nothing is written until it is told to.
class FakeDisk final : public ForwardingDisk {
 public:
  std::atomic<std::int64_t> free{std::numeric_limits<std::int64_t>::max()};  // bytes
  std::atomic<bool> open{true};
  std::atomic<int> writes{0};

  void release() {
    open = true;
    open.notify_all();
  }
  std::unique_ptr<DiskFile> create(const fs::path& path) override {
    return std::make_unique<File>(*this, ForwardingDisk::create(path));
  }

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
