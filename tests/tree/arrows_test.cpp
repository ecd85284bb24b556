// The arrows of the architecture hold: app -> eval -> engine -> {kernels, lineage} -> base, and within engine as listed below.
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/support/test.h"

namespace fs = std::filesystem;

namespace {

// folder -> folders it may include, besides itself.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"base", {}},
    {"kernels", {"base"}},
    {"lineage", {"base"}},
    {"engine/steps", {"base", "kernels", "lineage"}},
    {"engine/text", {"base", "kernels", "lineage", "engine/steps"}},
    {"engine/data", {"base", "kernels", "lineage", "engine/steps", "engine/text"}},
    {"engine/model", {"base", "kernels", "lineage", "engine/steps", "engine/text"}},
    {"engine/train", {"base", "kernels", "lineage", "engine/steps", "engine/text", "engine/data", "engine/model"}},
    {"engine/infer", {"base", "kernels", "lineage", "engine/steps", "engine/text", "engine/model"}},
    {"engine/align",
     {"base", "kernels", "lineage", "engine/steps", "engine/text", "engine/data", "engine/model", "engine/train", "engine/infer"}},
    {"engine/score", {"base", "kernels", "lineage", "engine/steps", "engine/text", "engine/data", "engine/model"}},
    {"engine/cluster", {"base", "kernels", "lineage", "engine/steps"}},
    {"eval", {"base", "kernels", "lineage", "engine"}},
    {"app", {"base", "kernels", "lineage", "engine", "eval"}},
};

// "engine/text/tokenizer.h" -> "engine/text"; "lineage/exports/card.h" -> "lineage".
std::string house_folder(const std::string& path) {
  const std::size_t slash = path.find('/');
  if (slash == std::string::npos) return "";
  const std::string first = path.substr(0, slash);
  if (first != "engine") return first;
  return path.substr(0, path.find('/', slash + 1));
}

bool allowed(const std::string& from, const std::string& to) {
  if (from == to) return true;
  const auto rule = kMayInclude.find(from);
  if (rule == kMayInclude.end()) return false;
  for (const std::string& target : rule->second) {
    if (to == target || to.rfind(target + "/", 0) == 0) return true;
  }
  return false;
}

std::vector<std::string> forbidden_includes(const std::string& file, std::istream& text) {
  static const std::regex include(R"(^\s*#\s*include\s*\"([^\"]+)\")");
  std::vector<std::string> found;
  std::string line;
  while (std::getline(text, line)) {
    std::smatch match;
    if (!std::regex_search(line, match, include)) continue;
    const std::string to = house_folder(match[1]);
    if (kMayInclude.count(to) == 0) {
      if (to == "tests") found.push_back(file + " includes a test header: " + match[1].str());
      continue;
    }
    if (!allowed(house_folder(file), to)) found.push_back(file + " may not include " + match[1].str());
  }
  return found;
}

}  // namespace

TEST_CASE("the arrows of the house hold") {
  std::vector<std::string> found;
  int files = 0;
  for (const char* top : {"base", "kernels", "lineage", "engine", "eval", "app"}) {
    for (const auto& entry : fs::recursive_directory_iterator(cairn::test::source_folder() / top)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cpp" && extension != ".cu" && extension != ".cuh") continue;
      std::ifstream text(entry.path());
      const std::string file = fs::relative(entry.path(), cairn::test::source_folder()).generic_string();
      const auto wrong = forbidden_includes(file, text);
      found.insert(found.end(), wrong.begin(), wrong.end());
      ++files;
    }
  }
  CHECK(files > 50);
  for (const std::string& line : found) MESSAGE(line);
  CHECK(found.empty());
}

TEST_CASE("an upward include is noticed") {
  std::istringstream upward("#include \"engine/train/trainer.h\"\n");
  CHECK(forbidden_includes("engine/model/forward.cpp", upward).size() == 1);
  std::istringstream downward("#include \"kernels/ops.h\"\n#include <vector>\n");
  CHECK(forbidden_includes("engine/model/forward.cpp", downward).empty());
  std::istringstream steps("#include \"engine/data/document.h\"\n");
  CHECK(forbidden_includes("engine/steps/executor.cpp", steps).size() == 1);
}
