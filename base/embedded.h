// Files that the build puts into the executable (assets/embed.py): each folder that has some declares
//   namespace cairn::X { const std::vector<EmbeddedFile>& embedded_files(); }
#pragma once

#include <string_view>
#include <vector>

namespace cairn {

struct EmbeddedFile {
  std::string_view name;       // file name without folder
  std::string_view text;
};

}  // namespace cairn
