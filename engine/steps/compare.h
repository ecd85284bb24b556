// Where two artifacts differ: from the tree to the first file, and into the file as far as its format is known.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "lineage/tree.h"

namespace cairn::steps {

// "" when the files agree; else one line that names the first difference inside them: a tensor, its element, its bits.
using ContentComparer = std::function<std::string(const std::filesystem::path& recorded, const std::filesystem::path& again)>;
using ComparersByExtension = std::map<std::string, ContentComparer>;  // ".safetensors"

struct Difference {
  std::string file;                  // inside the tree; empty for a file
  std::string what;                  // one line
  std::optional<std::int64_t> step;  // of a training, where its trace.jsonl tells: the first step that went another way
};

// The first difference, in the order of paths; nothing when the contents agree. Formats without a comparer: lines for *.jsonl,
// *.json,
// *.txt, *.md, *.html; else the offset of the first differing byte.
std::optional<Difference> first_difference(const lineage::Content& recorded, const std::filesystem::path& recorded_path,
                                           const lineage::Content& again, const std::filesystem::path& again_path,
                                           const ComparersByExtension& comparers);

}  // namespace cairn::steps
