#include "engine/steps/compare.h"

#include <algorithm>
#include <set>

#include <fmt/core.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"

namespace cairn::steps {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTrace = "trace.jsonl";
constexpr std::size_t kQuoted = 80;

std::size_t first_differing_byte(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())), b.begin()).first -
      a.begin());
}

struct Line {
  std::size_t number;                // from 1
  std::string_view recorded, again;  // without newline; empty past the end
};

std::string_view line_around(std::string_view text, std::size_t offset) {
  const std::size_t before = text.substr(0, std::min(offset, text.size())).rfind('\n');
  const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
  return text.substr(begin, text.find('\n', begin) - begin);
}

Line first_differing_line(std::string_view recorded, std::string_view again) {
  const std::size_t offset = first_differing_byte(recorded, again);
  const auto number =
      static_cast<std::size_t>(std::count(recorded.begin(), recorded.begin() + static_cast<std::ptrdiff_t>(offset), '\n')) + 1;
  return {number, line_around(recorded, offset), line_around(again, offset)};
}

std::string quoted(std::string_view line) {
  return line.size() <= kQuoted ? std::string(line) : std::string(line.substr(0, kQuoted)) + "...";
}

bool is_text(const std::string& extension) {
  static const std::set<std::string> extensions{".jsonl", ".json", ".txt", ".md", ".html"};
  return extensions.count(extension) > 0;
}

std::string difference_of_files(const fs::path& recorded, const fs::path& again, const ComparersByExtension& comparers) {
  const std::string extension = recorded.extension().string();
  if (const auto comparer = comparers.find(extension); comparer != comparers.end()) {
    try {
      const std::string found = comparer->second(recorded, again);
      if (!found.empty()) return found;
    } catch (const Error&) {
      // Not of the format that its name says: its bytes still tell.
    }
  }
  const MappedFile a(recorded), b(again);
  if (is_text(extension)) {
    const Line line = first_differing_line(a.text(), b.text());
    return fmt::format("line {}: recorded '{}', now '{}'", line.number, quoted(line.recorded), quoted(line.again));
  }
  const std::size_t offset = first_differing_byte(a.text(), b.text());
  if (offset == a.size() || offset == b.size())
    return fmt::format("recorded {} bytes, now {}; the first {} agree", a.size(), b.size(), offset);
  return fmt::format("byte {}: recorded {:02x}, now {:02x}", offset, static_cast<unsigned>(a.data()[offset]),
                     static_cast<unsigned>(b.data()[offset]));
}

// The step that the first differing line of a training's trace speaks of.
std::optional<std::int64_t> first_divergent_step(const fs::path& recorded, const fs::path& again) {
  if (!fs::exists(recorded) || !fs::exists(again)) return std::nullopt;
  const MappedFile a(recorded), b(again);
  if (a.text() == b.text()) return std::nullopt;
  const Line line = first_differing_line(a.text(), b.text());
  for (const std::string_view text : {line.recorded, line.again}) {
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_object() && json.contains("step") && json["step"].is_number_integer()) return json["step"].get<std::int64_t>();
  }
  return std::nullopt;
}

}  // namespace

std::optional<Difference> first_difference(const lineage::Content& recorded, const fs::path& recorded_path,
                                           const lineage::Content& again, const fs::path& again_path,
                                           const ComparersByExtension& comparers) {
  if (recorded.digest == again.digest) return std::nullopt;
  if (recorded.is_tree != again.is_tree) {
    return Difference{
        "", fmt::format("recorded a {}, now a {}", recorded.is_tree ? "folder" : "file", again.is_tree ? "folder" : "file"), {}};
  }
  if (!recorded.is_tree) return Difference{"", difference_of_files(recorded_path, again_path, comparers), {}};

  const std::optional<std::int64_t> step = first_divergent_step(recorded_path / kTrace, again_path / kTrace);
  std::map<std::string, const lineage::TreeEntry*> now;
  for (const lineage::TreeEntry& entry : again.entries) now[entry.path] = &entry;
  std::optional<Difference> fallback;  // what only follows from the rest: the trace, index files
  for (const lineage::TreeEntry& entry : recorded.entries) {
    const auto other = now.find(entry.path);
    if (other == now.end()) return Difference{entry.path, "recorded, not made now", step};
    if (other->second->digest != entry.digest) {
      const bool deep = comparers.count(fs::path(entry.path).extension().string()) > 0;
      if (deep)
        return Difference{entry.path, difference_of_files(recorded_path / entry.path, again_path / entry.path, comparers), step};
      if (!fallback)
        fallback =
            Difference{entry.path, difference_of_files(recorded_path / entry.path, again_path / entry.path, comparers), step};
    } else if (other->second->executable != entry.executable && !fallback) {
      fallback = Difference{entry.path, "the executable bit differs", step};
    }
    now.erase(other);
  }
  if (fallback) return fallback;
  if (!now.empty()) return Difference{now.begin()->first, "made now, not recorded", step};
  return Difference{"", "the manifests differ", step};
}

}  // namespace cairn::steps
