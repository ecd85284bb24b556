// The data inputs of a pretraining, opened, and what its config says of reading them: the same for the trainer and for those who
// only ask what it reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/schema.h"
#include "engine/train/loader.h"
#include "engine/train/read_set.h"

namespace cairn::train {

// Names of `count` data inputs: the config's "data_names", else "0", "1", ... Error (usage) when they are too few, too many, or
// not all different.
std::vector<std::string> data_names(const Config& config, std::size_t count);

// Which folders make up each input of a read set: every folder its own, or all of them one.
std::vector<std::vector<std::filesystem::path>> folders_by_input(std::size_t inputs,
                                                                 const std::vector<std::filesystem::path>& folders);

struct PlannedReading {
  std::vector<std::unique_ptr<SampleSource>> sources;  // one for each input of `read`
  ReadSet read;
};
std::vector<const SampleSource*> pointers(const std::vector<std::unique_ptr<SampleSource>>& sources);

// Opens token-shard folders and plans what a config of pretrain (with its defaults) reads of them. Inputs are one stream, in
// their order, unless a stage gives them weights; those that are packed into rows are read by row. Reading throws on an id not in
// [0, vocab); packed folders whose tokenizer had a larger vocabulary are refused at once.
PlannedReading plan_reading(const Config& config, const std::vector<std::filesystem::path>& folders, std::uint64_t seed,
                            std::int64_t vocab);

// The inputs of a read set that was planned before, opened again; Error when they do not hold what it says.
std::vector<std::unique_ptr<SampleSource>> open_sources(const ReadSet& read, const std::vector<std::filesystem::path>& folders,
                                                        std::int64_t vocab);

// "masks" and "goldfish" of a config of pretrain.
MaskOptions read_masks(const Config& config, std::int32_t eod, std::int32_t pad);

}  // namespace cairn::train
