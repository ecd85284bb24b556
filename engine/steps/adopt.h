// Taking what exists outside into the ledger, in place: nothing is copied, the digest says what it was (DESIGN.md §1, `adopt`).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "lineage/workspace.h"

namespace cairn::steps {

// A file, or the files of a folder that match `globs` (all when empty), hashed. Error (usage) when nothing is there.
struct AdoptedFiles {
  lineage::Content content;
  std::vector<std::string> members;  // of a folder, relative, sorted
};
AdoptedFiles read_outside_files(const std::filesystem::path& path, const std::vector<std::string>& globs, ThreadPool* threads);

// `path` as seen from `folder`, with symbolic links resolved: "../docs/handbook". What the ledger stores as a location.
std::string path_from(const std::filesystem::path& folder, const std::filesystem::path& path);

// The kind that a file or folder looks like: "model" (config.json and *.safetensors), "tokenizer" (tokenizer.json),
// "token_shards" (*.bin and
// *.idx), "documents" (*.jsonl.zst alone); else "raw" for a folder and "file" for a file.
std::string guess_kind(const std::filesystem::path& path);

}  // namespace cairn::steps
