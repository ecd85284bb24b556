#include "engine/steps/external.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/error.h"

namespace cairn::steps {
namespace {

namespace fs = std::filesystem;

// Does '[...]' at the start of `pattern` hold `c`? Sets `length` to the bracket's length, 0 when it is not closed.
bool bracket_matches(std::string_view pattern, char c, std::size_t& length) {
  std::size_t i = 1;
  const bool negated = i < pattern.size() && pattern[i] == '!';
  if (negated) ++i;
  bool matched = false;
  for (bool first = true; i < pattern.size() && (first || pattern[i] != ']'); first = false) {
    const char low = pattern[i];
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      matched |= low <= c && c <= pattern[i + 2];
      i += 3;
    } else {
      matched |= low == c;
      ++i;
    }
  }
  length = i < pattern.size() ? i + 1 : 0;
  return matched != negated;
}

bool matches(std::string_view pattern, std::string_view path) {
  while (!pattern.empty()) {
    if (pattern.substr(0, 3) == "**/") {
      const std::string_view rest = pattern.substr(3);
      if (matches(rest, path)) return true;
      for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] == '/' && matches(rest, path.substr(i + 1))) return true;
      }
      return false;
    }
    if (pattern == "**") return true;
    if (pattern.front() == '*') {
      const std::string_view rest = pattern.substr(1);
      for (std::size_t i = 0;; ++i) {
        if (matches(rest, path.substr(i))) return true;
        if (i == path.size() || path[i] == '/') return false;
      }
    }
    if (path.empty()) return false;
    std::size_t taken = 1;
    if (pattern.front() == '?') {
      if (path.front() == '/') return false;
    } else if (std::size_t length = 0; pattern.front() == '[' && (bracket_matches(pattern, path.front(), length), length > 0)) {
      if (path.front() == '/' || !bracket_matches(pattern, path.front(), length)) return false;
      taken = length;
    } else if (pattern.front() != path.front()) {
      return false;
    }
    pattern.remove_prefix(taken);
    path.remove_prefix(1);
  }
  return path.empty();
}

// "a.{b,c}" -> "a.b", "a.c"; nested braces are expanded from the outside in.
std::vector<std::string> expand_braces(const std::string& pattern) {
  const std::size_t open = pattern.find('{');
  if (open == std::string::npos) return {pattern};
  std::vector<std::size_t> cuts{open};
  int depth = 0;
  for (std::size_t i = open; i < pattern.size(); ++i) {
    if (pattern[i] == '{') ++depth;
    if (pattern[i] == ',' && depth == 1) cuts.push_back(i);
    if (pattern[i] != '}' || --depth > 0) continue;
    cuts.push_back(i);
    std::vector<std::string> expanded;
    for (std::size_t k = 0; k + 1 < cuts.size(); ++k) {
      const std::string chosen = pattern.substr(cuts[k] + 1, cuts[k + 1] - cuts[k] - 1);
      for (std::string& each : expand_braces(pattern.substr(0, open) + chosen + pattern.substr(i + 1)))
        expanded.push_back(std::move(each));
    }
    return expanded;
  }
  return {pattern};
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view path) {
  for (const std::string& plain : expand_braces(std::string(pattern))) {
    if (matches(plain, path)) return true;
  }
  return false;
}

std::vector<std::string> matching_members(const fs::path& folder, const std::vector<std::string>& globs) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) fail_usage("{}: expected a folder", folder.string());
  std::vector<std::string> members;
  fs::recursive_directory_iterator it(folder, error);
  if (error) fail("{}: cannot be listed: {}", folder.string(), error.message());
  for (; it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (error) fail("{}: cannot be listed: {}", folder.string(), error.message());
    if (it->is_symlink(error) || !it->is_regular_file(error)) continue;  // what a link points to counts under its own name
    std::string member = it->path().lexically_relative(folder).generic_string();
    const bool belongs = globs.empty() || std::any_of(globs.begin(), globs.end(),
                                                      [&](const std::string& glob) { return glob_matches(glob, member); });
    if (belongs) members.push_back(std::move(member));
  }
  std::sort(members.begin(), members.end());
  if (members.empty()) {
    if (globs.empty()) fail_usage("{}: the folder has no files", folder.string());
    fail_usage("{}: no file matches {}", folder.string(), fmt::join(globs, ", "));
  }
  return members;
}

}  // namespace cairn::steps
