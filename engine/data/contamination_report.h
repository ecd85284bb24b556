// What decontaminate found, over all documents: a line for each item of an evaluation set in each document
// (docs/format/contamination.md), and sums by benchmark for the report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/json_fwd.h"
#include "engine/data/curated_piece.h"

namespace cairn::data {

struct BenchmarkTally {
  std::string benchmark;
  std::uint64_t documents = 0;                       // in which items of it were found
  std::uint64_t items = 0;                           // that were found, each once
  std::uint64_t dropped = 0, cut = 0, reported = 0;  // documents, by what became of them
};

// Whether decontaminate has kept something with the document.
bool has_contamination(const CuratedRow& row);

// `for_each`: calls its argument for every document of which that holds, in order. Tallies by benchmark's name; writes the file
// also when nothing was found.
std::vector<BenchmarkTally> write_contamination(
    const std::function<void(const std::function<void(const CuratedRow&)>&)>& for_each, Disk& disk,
    const std::filesystem::path& file);

Json contamination_json(const std::vector<BenchmarkTally>& tallies);
std::string contamination_html(const std::vector<BenchmarkTally>& tallies);  // a section of the report, empty without any

}  // namespace cairn::data
