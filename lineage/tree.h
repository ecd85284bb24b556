// The identity of files and folders (spec/lineage.md §2.2 "Directory").
//
// A file's digest is the SHA-256 of its bytes. A folder's is the SHA-256 of its manifest: a header line with format name and
// version, then one line per regular file, sorted by raw path bytes: type letter, executable bit, byte length, hex digest, path
// length, path. Symlinks, empty folders and non-UTF-8 names are refused. docs/format/tree.md has a worked example that a test
// checks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/hash.h"
#include "base/thread_pool.h"

namespace cairn::lineage {

struct TreeEntry {
  std::string path;  // relative, '/' between parts
  Digest digest;
  std::uint64_t bytes = 0;
  bool executable = false;
};

struct Content {
  Digest digest;  // of the file, or of the manifest
  bool is_tree = false;
  std::uint64_t bytes = 0;         // sum over files
  std::vector<TreeEntry> entries;  // empty for a file
};

std::string tree_manifest(std::vector<TreeEntry> entries);  // sorts
std::vector<TreeEntry> parse_tree_manifest(std::string_view manifest, std::string_view origin);

// Hashes a file or folder. Files of a folder are hashed in parallel when `pool` is given.
Content hash_content(const fs::path& path, ThreadPool* pool = nullptr);
// As above, only these member files of a folder.
Content hash_members(const fs::path& folder, const std::vector<std::string>& members, ThreadPool* pool = nullptr);

}  // namespace cairn::lineage
