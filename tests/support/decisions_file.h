// The bytes of a decisions file.
#pragma once

#include <string>
#include <vector>

#include "engine/data/decisions.h"
#include "tests/support/test.h"

namespace cairn::test {

inline std::string decisions_file(const std::vector<data::Decision>& decisions) {
  const TemporaryFolder folder;
  ThreadPool threads(1);
  data::DecisionsWriter writer(real_disk(), folder.path() / "scratch", 1000, threads);
  for (const data::Decision& decision : decisions) writer.add(decision);
  writer.finish(folder.path() / "decisions");
  return read_file(folder.path() / "decisions");
}

}  // namespace cairn::test
