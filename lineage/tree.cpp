#include "lineage/tree.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/utf8.h"

namespace cairn::lineage {

namespace {

constexpr std::string_view kHeader = "cairn-tree 1\n";

bool is_utf8(std::string_view text) {
  return find_invalid_utf8(text) == std::string_view::npos;
}

// Relative, '/' between parts, no part empty, "." or "..".
bool is_member_path(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

// Walks the manifest text and fails with the line it is at.
class ManifestReader {
 public:
  ManifestReader(std::string_view text, std::string_view origin) : text_(text), origin_(origin) {}

  bool at_end() const { return text_.empty(); }

  [[noreturn]] void fail_here(std::string_view expected) const { fail("{}: line {}: expected {}", origin_, line_, expected); }

  void literal(std::string_view wanted, std::string_view expected) {
    if (!text_.starts_with(wanted)) fail_here(expected);
    text_.remove_prefix(wanted.size());
  }
  std::string_view take(std::size_t size, std::string_view expected) {
    if (text_.size() < size) fail_here(expected);
    const std::string_view taken = text_.substr(0, size);
    text_.remove_prefix(size);
    return taken;
  }
  // Canonical decimal: no sign, no leading zero.
  std::uint64_t number(std::string_view expected) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    const auto digits = static_cast<std::size_t>(end - text_.data());
    if (error != std::errc() || digits == 0 || (digits > 1 && text_[0] == '0')) fail_here(expected);
    text_.remove_prefix(digits);
    return value;
  }
  void next_line() { ++line_; }

 private:
  std::string_view text_;
  std::string_view origin_;
  int line_ = 1;
};

std::vector<std::string> members_of(const fs::path& folder) {
  std::vector<std::string> members;
  std::vector<fs::path> open{folder};
  while (!open.empty()) {
    const fs::path directory = open.back();
    open.pop_back();
    bool empty = true;
    std::error_code error;
    for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
      empty = false;
      const fs::file_status status = it->symlink_status();
      if (fs::is_directory(status)) {
        open.push_back(it->path());
      } else if (fs::is_regular_file(status)) {
        members.push_back(it->path().lexically_relative(folder).generic_string());
      } else {
        fail("{}: {}; an artifact holds regular files only", it->path().string(),
             fs::is_symlink(status) ? "a symbolic link" : "not a regular file");
      }
    }
    if (error) fail("{}: {}", directory.string(), error.message());
    if (empty) fail("{}: an empty folder; an artifact holds files only", directory.string());
  }
  return members;
}

Content finish_tree(std::vector<TreeEntry> entries) {
  Content content;
  content.is_tree = true;
  content.digest = sha256(tree_manifest(entries));
  std::sort(entries.begin(), entries.end(), [](const TreeEntry& a, const TreeEntry& b) { return a.path < b.path; });
  for (const TreeEntry& entry : entries) content.bytes += entry.bytes;
  content.entries = std::move(entries);
  return content;
}

}  // namespace

std::string tree_manifest(std::vector<TreeEntry> entries) {
  std::sort(entries.begin(), entries.end(), [](const TreeEntry& a, const TreeEntry& b) { return a.path < b.path; });
  std::string text(kHeader);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const TreeEntry& entry = entries[i];
    if (!is_utf8(entry.path)) fail("a file's name is not UTF-8: {}", entry.path);
    if (!is_member_path(entry.path)) fail("not a path inside a folder: '{}'", entry.path);
    if (i > 0 && entries[i - 1].path == entry.path) fail("a folder lists '{}' twice", entry.path);
    text += fmt::format("f {} {} {} {} {}\n", entry.executable ? 'x' : '-', entry.bytes, entry.digest.hex(), entry.path.size(),
                        entry.path);
  }
  return text;
}

std::vector<TreeEntry> parse_tree_manifest(std::string_view manifest, std::string_view origin) {
  ManifestReader reader(manifest, origin);
  reader.literal(kHeader, "the header 'cairn-tree 1'");
  std::vector<TreeEntry> entries;
  while (!reader.at_end()) {
    reader.next_line();
    TreeEntry entry;
    reader.literal("f ", "'f '");
    const std::string_view executable = reader.take(2, "'x ' or '- '");
    if (executable != "x " && executable != "- ") reader.fail_here("'x ' or '- '");
    entry.executable = executable == "x ";
    entry.bytes = reader.number("a byte length");
    reader.literal(" ", "a space");
    const std::string_view hex = reader.take(64, "64 hex digits");
    if (hex.find_first_not_of("0123456789abcdef") != std::string_view::npos) reader.fail_here("64 lower-case hex digits");
    entry.digest = Digest::from_hex(hex);
    reader.literal(" ", "a space");
    const std::uint64_t length = reader.number("a path length");
    reader.literal(" ", "a space");
    entry.path = reader.take(length, "a path of the stated length");
    reader.literal("\n", "the end of the line after the path");
    if (!is_utf8(entry.path) || !is_member_path(entry.path)) reader.fail_here("a relative UTF-8 path");
    if (!entries.empty() && entries.back().path >= entry.path) reader.fail_here("paths in byte order, each once");
    entries.push_back(std::move(entry));
  }
  return entries;
}

Content hash_members(const fs::path& folder, const std::vector<std::string>& members, ThreadPool* pool) {
  if (members.empty()) fail("{}: no file in it belongs to the artifact", folder.string());
  std::vector<TreeEntry> entries(members.size());
  const auto hash_one = [&](std::int64_t i) {
    TreeEntry& entry = entries[static_cast<std::size_t>(i)];
    entry.path = members[static_cast<std::size_t>(i)];
    const fs::path path = folder / entry.path;
    std::error_code error;
    const fs::file_status status = fs::symlink_status(path, error);
    if (!fs::is_regular_file(status)) fail("{}: {}", path.string(), fs::exists(status) ? "not a regular file" : "no such file");
    entry.executable = (status.permissions() & fs::perms::owner_exec) != fs::perms::none;
    entry.digest = sha256_file(path);
    entry.bytes = fs::file_size(path);
  };
  if (pool) {
    pool->parallel_for(static_cast<std::int64_t>(members.size()), hash_one);
  } else {
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(members.size()); ++i) hash_one(i);
  }
  return finish_tree(std::move(entries));
}

Content hash_content(const fs::path& path, ThreadPool* pool) {
  const fs::file_status status = fs::symlink_status(path);
  if (fs::is_directory(status)) return hash_members(path, members_of(path), pool);
  if (!fs::is_regular_file(status)) {
    fail("{}: {}", path.string(), fs::exists(status) ? "neither a regular file nor a folder" : "no such file or folder");
  }
  Content content;
  content.digest = sha256_file(path);
  content.bytes = fs::file_size(path);
  return content;
}

}  // namespace cairn::lineage
