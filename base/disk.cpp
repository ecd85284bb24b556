#include "base/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"

namespace cairn {
namespace {

std::string reason(int code) {
  return std::strerror(code);
}

class RealFile final : public DiskFile {
 public:
  RealFile(int descriptor, fs::path path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~RealFile() override {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  void write(std::string_view bytes) override {
    require_open();
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0) {
        if (errno == EINTR) continue;
        fail("{}: cannot write: {}", path_.string(), reason(errno));
      }
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void sync() override {
    require_open();
    if (::fsync(descriptor_) != 0) fail("{}: cannot sync: {}", path_.string(), reason(errno));
  }

  void close() override {
    if (descriptor_ < 0) return;
    const int descriptor = descriptor_;
    descriptor_ = -1;
    // Linux has released the descriptor even when close fails; a delayed write error still has to be heard.
    if (::close(descriptor) != 0 && errno != EINTR) fail("{}: cannot close: {}", path_.string(), reason(errno));
  }

 private:
  void require_open() const {
    if (descriptor_ < 0) fail("{}: the file is closed", path_.string());
  }

  int descriptor_;
  fs::path path_;
};

// -1 with errno set, as renameat2 itself; the libc wrapper is younger than the system call.
int rename_without_replacing(const char* from, const char* to) {
  constexpr unsigned kNoReplace = 1;
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, kNoReplace));
}

void remove_tree_at(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return;
    fail("{}: cannot remove: {}", path.string(), reason(errno));
  }
  if (!S_ISDIR(status.st_mode)) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail("{}: cannot remove: {}", path.string(), reason(errno));
    return;
  }
  if ((status.st_mode & S_IRWXU) != S_IRWXU) ::chmod(path.c_str(), (status.st_mode | S_IRWXU) & 07777);
  for (const DiskEntry& entry : real_disk().list(path)) remove_tree_at(path / entry.name);
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) fail("{}: cannot remove: {}", path.string(), reason(errno));
}

class RealDisk final : public Disk {
 public:
  std::unique_ptr<DiskFile> create(const fs::path& path) override { return open(path, O_WRONLY | O_CREAT | O_EXCL, "create"); }
  std::unique_ptr<DiskFile> append(const fs::path& path) override {
    return open(path, O_WRONLY | O_CREAT | O_APPEND, "open for appending");
  }

  std::string read(const fs::path& path) override {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail("{}: cannot open: {}", path.string(), reason(errno));
    std::string bytes;
    struct stat status {};
    if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) bytes.reserve(static_cast<std::size_t>(status.st_size) + 1);
    // Read to the end rather than to the size: files under /proc say 0, and a file may grow.
    std::size_t size = 0;
    for (;;) {
      bytes.resize(std::max(bytes.capacity(), size + 65536));
      const ssize_t got = ::read(descriptor, bytes.data() + size, bytes.size() - size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        const int code = errno;
        ::close(descriptor);
        fail("{}: cannot read: {}", path.string(), reason(code));
      }
      if (got == 0) break;
      size += static_cast<std::size_t>(got);
    }
    ::close(descriptor);
    bytes.resize(size);
    return bytes;
  }

  bool exists(const fs::path& path) override {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    fail("{}: cannot look: {}", path.string(), reason(errno));
  }

  std::uint64_t size(const fs::path& path) override {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) fail("{}: cannot look: {}", path.string(), reason(errno));
    if (!S_ISREG(status.st_mode)) fail("{}: expected a file", path.string());
    return static_cast<std::uint64_t>(status.st_size);
  }

  std::vector<DiskEntry> list(const fs::path& directory) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(directory.c_str()), ::closedir);
    if (!handle) fail("{}: cannot list: {}", directory.string(), reason(errno));
    std::vector<DiskEntry> entries;
    for (;;) {
      errno = 0;
      const dirent* item = ::readdir(handle.get());
      if (!item) {
        if (errno != 0) fail("{}: cannot list: {}", directory.string(), reason(errno));
        break;
      }
      const std::string name = item->d_name;
      if (name == "." || name == "..") continue;
      struct stat status {};
      if (::fstatat(::dirfd(handle.get()), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) continue;  // removed while we were reading
        fail("{}: cannot look: {}", (directory / name).string(), reason(errno));
      }
      entries.push_back({name, S_ISDIR(status.st_mode), static_cast<std::uint64_t>(status.st_size), S_ISREG(status.st_mode)});
      if (S_ISDIR(status.st_mode)) entries.back().bytes = 0;
    }
    std::sort(entries.begin(), entries.end(), [](const DiskEntry& a, const DiskEntry& b) { return a.name < b.name; });
    return entries;
  }

  void make_directories(const fs::path& directory) override {
    std::error_code code;
    fs::create_directories(directory, code);
    if (code) fail("{}: cannot make the folder: {}", directory.string(), code.message());
  }

  void rename(const fs::path& from, const fs::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) fail("{}: cannot rename to {}: {}", from.string(), to.string(), reason(errno));
  }

  bool rename_new(const fs::path& from, const fs::path& to) override {
    if (rename_without_replacing(from.c_str(), to.c_str()) == 0) return true;
    if (errno == EEXIST || errno == ENOTEMPTY) return false;
    if (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP) return rename_new_in_two_steps(from, to);
    fail("{}: cannot rename to {}: {}", from.string(), to.string(), reason(errno));
  }

  void link(const fs::path& from, const fs::path& to) override {
    if (::link(from.c_str(), to.c_str()) != 0) fail("{}: cannot link to {}: {}", from.string(), to.string(), reason(errno));
  }

  void sync_directory(const fs::path& directory) override {
    const int descriptor = ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) fail("{}: cannot open the folder: {}", directory.string(), reason(errno));
    const int result = ::fsync(descriptor);
    const int code = errno;
    ::close(descriptor);
    // Some network file systems cannot sync a folder and say EINVAL: there is nothing more that can be done there.
    if (result != 0 && code != EINVAL) fail("{}: cannot sync the folder: {}", directory.string(), reason(code));
  }

  void make_read_only(const fs::path& path) override {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) fail("{}: cannot look: {}", path.string(), reason(errno));
    if (::chmod(path.c_str(), status.st_mode & 07777 & ~0222u) != 0)
      fail("{}: cannot make read-only: {}", path.string(), reason(errno));
  }

  void remove(const fs::path& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail("{}: cannot remove: {}", path.string(), reason(errno));
  }

  void remove_tree(const fs::path& path) override { remove_tree_at(path); }

 private:
  static std::unique_ptr<DiskFile> open(const fs::path& path, int flags, const char* verb) {
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
    if (descriptor < 0) fail("{}: cannot {}: {}", path.string(), verb, reason(errno));
    return std::make_unique<RealFile>(descriptor, path);
  }
};

}  // namespace

bool rename_new_in_two_steps(const fs::path& from, const fs::path& to) {
  struct stat status {};
  if (::lstat(to.c_str(), &status) == 0) return false;
  if (::lstat(from.c_str(), &status) != 0) fail("{}: cannot rename: {}", from.string(), reason(errno));
  if (!S_ISDIR(status.st_mode) && ::link(from.c_str(), to.c_str()) == 0) {
    if (::unlink(from.c_str()) != 0)
      fail("{}: cannot remove after linking it to {}: {}", from.string(), to.string(), reason(errno));
    return true;
  }
  if (!S_ISDIR(status.st_mode) && errno == EEXIST) return false;
  if (::rename(from.c_str(), to.c_str()) == 0) return true;
  if (errno == EEXIST || errno == ENOTEMPTY) return false;
  fail("{}: cannot rename to {}: {}", from.string(), to.string(), reason(errno));
}

Disk& real_disk() {
  static RealDisk disk;  // has no state
  return disk;
}

void GatheringFile::write(std::string_view bytes) {
  constexpr std::size_t kGather = 1 << 20;
  if (gathered_.size() + bytes.size() > kGather) flush();
  if (bytes.size() > kGather) {
    file_->write(bytes);
  } else {
    gathered_ += bytes;
  }
}

void GatheringFile::finish() {
  flush();
  file_->sync();
  file_->close();
}

void GatheringFile::flush() {
  if (!gathered_.empty()) file_->write(gathered_);
  gathered_.clear();
}

void write_new_file(Disk& disk, const fs::path& path, std::string_view bytes) {
  const std::unique_ptr<DiskFile> file = disk.create(path);
  file->write(bytes);
  file->sync();
  file->close();
}

void write_file_atomically(Disk& disk, const fs::path& path, std::string_view bytes) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  // Another writer, or a crashed one, may hold the first name; the exclusive create decides.
  fs::path temporary;
  std::unique_ptr<DiskFile> file;
  for (int attempt = 0; !file; ++attempt) {
    temporary = folder / fmt::format(".{}.{}.tmp", path.filename().string(), attempt);
    if (disk.exists(temporary) && attempt < 1000) continue;
    try {
      file = disk.create(temporary);
    } catch (const Error&) {
      if (attempt >= 1000 || !disk.exists(temporary)) throw;
    }
  }
  try {
    file->write(bytes);
    file->sync();
    file->close();
    disk.rename(temporary, path);
  } catch (const Error&) {
    try {
      disk.remove(temporary);
    } catch (const Error&) {  // the first error is the one to hear about
    }
    throw;
  }
  disk.sync_directory(folder);
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  write_file_atomically(real_disk(), path, bytes);
}

std::string read_file(const fs::path& path) {
  return real_disk().read(path);
}

}  // namespace cairn
