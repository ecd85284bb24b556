// The language of pipeline files as an operation on JSON: extends, settings and matrix are resolved here, so that what remains is
// plain steps (pipeline.h gives them their meaning).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json_fwd.h"

namespace cairn::steps {

using StepFolders = std::map<std::string, std::filesystem::path>;  // step -> folder of the file that first names it

// A pipeline with every field written out ({"pipeline", "seed", "steps": {name: {"step", "inputs", "config", "runtime",
// "seed"}}}); `folders` is filled. Error (usage) as in pipeline.h.
Json complete_pipeline(const Json& value, const std::string& origin, const std::filesystem::path& folder,
                       const std::vector<std::string>& settings, StepFolders& folders);

}  // namespace cairn::steps
