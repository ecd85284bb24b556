#include "lineage/store.h"

#include <algorithm>

#include "base/error.h"

namespace cairn::lineage {

namespace {

// Makes a file's bytes durable and its mode read-only. The file was written by a step with means of its own.
void settle_file(Disk& disk, const fs::path& path) {
  const fs::perms mode = fs::status(path).permissions();
  if ((mode & fs::perms::owner_write) == fs::perms::none) {
    fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);  // a copy of a read-only file: must be opened for sync
  }
  const std::unique_ptr<DiskFile> file = disk.append(path);
  file->sync();
  file->close();
  disk.make_read_only(path);
}

// Folders inside `folder` that hold an entry, deepest first, `folder` itself last.
std::vector<fs::path> folders_of(const fs::path& folder, const std::vector<TreeEntry>& entries) {
  std::vector<fs::path> folders{folder};
  for (const TreeEntry& entry : entries) {
    for (fs::path parent = fs::path(entry.path).parent_path(); !parent.empty(); parent = parent.parent_path()) {
      folders.push_back(folder / parent);
    }
  }
  std::sort(folders.begin(), folders.end(), std::greater<>());
  folders.erase(std::unique(folders.begin(), folders.end()), folders.end());
  return folders;
}

bool same_shape(const fs::path& path, const Content& content) {
  std::error_code error;
  if (!content.is_tree) return fs::is_regular_file(path, error) && fs::file_size(path, error) == content.bytes;
  if (!fs::is_directory(path, error)) return false;
  return std::all_of(content.entries.begin(), content.entries.end(), [&](const TreeEntry& entry) {
    std::error_code missing;
    return fs::file_size(path / entry.path, missing) == entry.bytes && !missing;
  });
}

}  // namespace

Store::Store(Disk& disk, fs::path objects) : disk_(disk), objects_(std::move(objects)) {}

fs::path Store::path_of(const Digest& digest) const {
  const std::string hex = digest.hex();
  return objects_ / hex.substr(0, 2) / hex.substr(2);
}

bool Store::contains(const Digest& digest) const {
  return disk_.exists(path_of(digest));
}

Content Store::seal(const fs::path& staged, ThreadPool* pool) {
  Content content = hash_content(staged, pool);
  if (content.is_tree) {
    for (const TreeEntry& entry : content.entries) settle_file(disk_, staged / entry.path);
    for (const fs::path& folder : folders_of(staged, content.entries)) disk_.sync_directory(folder);
  } else {
    settle_file(disk_, staged);
  }

  const fs::path target = path_of(content.digest);
  const fs::path fan = target.parent_path();
  const bool new_fan = !disk_.exists(fan);
  if (new_fan) disk_.make_directories(fan);
  if (!disk_.rename_new(staged, target)) {
    if (same_shape(target, content)) {
      disk_.remove_tree(staged);
      return content;
    }
    // What lies there is damaged: the fresh copy takes its place.
    disk_.remove_tree(target);
    if (!disk_.rename_new(staged, target)) fail("{}: cannot replace a damaged object", target.string());
  }
  disk_.sync_directory(fan);
  if (new_fan) disk_.sync_directory(objects_);
  return content;
}

std::vector<Digest> Store::list() const {
  std::vector<Digest> digests;
  for (const DiskEntry& fan : disk_.list(objects_)) {
    if (!fan.is_directory || fan.name.size() != 2) continue;
    for (const DiskEntry& object : disk_.list(objects_ / fan.name)) {
      const std::string hex = fan.name + object.name;
      if (hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == std::string::npos)
        digests.push_back(Digest::from_hex(hex));
    }
  }
  std::sort(digests.begin(), digests.end());
  return digests;
}

}  // namespace cairn::lineage
