#include "engine/steps/adopt.h"

#include "base/error.h"
#include "engine/steps/external.h"

namespace cairn::steps {

namespace fs = std::filesystem;

AdoptedFiles read_outside_files(const fs::path& given, const std::vector<std::string>& globs, ThreadPool* threads) {
  std::error_code error;
  AdoptedFiles files;
  const fs::path path = fs::exists(given, error) ? fs::canonical(given) : given;  // what a link leads to
  if (fs::is_directory(path, error)) {
    files.members = matching_members(path, globs);
    files.content = lineage::hash_members(path, files.members, threads);
  } else if (fs::is_regular_file(path, error)) {
    files.content = lineage::hash_content(path, threads);
  } else {
    fail_usage("{}: {}", path.string(), fs::exists(path, error) ? "expected a file or a folder" : "no such file or folder");
  }
  return files;
}

std::string path_from(const fs::path& folder, const fs::path& path) {
  return fs::canonical(path).lexically_relative(fs::canonical(folder)).generic_string();
}

std::string guess_kind(const fs::path& path) {
  if (!fs::is_directory(path)) return path.filename() == "tokenizer.json" ? "tokenizer" : "file";
  bool weights = false, bin = false, idx = false, documents = false, other = false;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename().string();
    weights |= name.ends_with(".safetensors");
    bin |= name.ends_with(".bin");
    idx |= name.ends_with(".idx");
    (name.ends_with(".jsonl.zst") ? documents : other) = true;
  }
  if (weights && fs::exists(path / "config.json")) return "model";
  if (bin && idx) return "token_shards";
  if (documents && !other) return "documents";
  if (fs::exists(path / "tokenizer.json")) return "tokenizer";
  return "raw";
}

}  // namespace cairn::steps
