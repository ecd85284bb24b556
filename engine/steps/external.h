// Files outside the workspace that a step reads (step.h, External), and which files of a folder belong to one.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/steps/step.h"

namespace cairn::steps {

// Shell patterns over '/'-separated relative paths: '*' and '?' match within one part, '**' any number of whole parts,
// '[a-z]' and '[!a-z]' one character, '{html,htm}' either alternative. A pattern without '/' is tried on the whole path only:
// "*.html" is the top level.
bool glob_matches(std::string_view pattern, std::string_view path);

// The files of `folder` that match one of `globs` (all when empty), relative, sorted by bytes. Hidden files count like others.
// Symbolic links are left out: what they lead to counts under its own name. Error (usage) when nothing matches.
std::vector<std::string> matching_members(const std::filesystem::path& folder, const std::vector<std::string>& globs);

}  // namespace cairn::steps
