// Hex examples in docs/format/*.md: blocks between ``` lines whose lines are "offset: hex bytes | what they are".
#pragma once

#include <string>
#include <vector>

#include "base/disk.h"
#include "base/error.h"
#include "tests/support/test.h"

namespace cairn::test {

// The bytes of each hex block of a page, in order; offsets are checked.
inline std::vector<std::string> hex_blocks(const std::string& page) {
  const std::string text = read_file(source_folder() / "docs/format" / page);
  std::vector<std::string> blocks;
  bool inside = false;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line == "```") {
      inside = !inside;
      if (inside) blocks.emplace_back();
      continue;
    }
    if (!inside) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || std::stoul(line.substr(0, colon), nullptr, 16) != blocks.back().size()) {
      fail("{}: the offset of this line is wrong: {}", page, line);
    }
    std::string digits;
    for (const char c : line.substr(colon + 1, line.find('|') - colon - 1)) {
      if (c != ' ') digits += c;
    }
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
      blocks.back() += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return blocks;
}

}  // namespace cairn::test
