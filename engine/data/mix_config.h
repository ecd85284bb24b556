// What the configs of `mix` and `mix-shards` have in common: sources of a mixture, and what each stage asks of them.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "base/schema.h"
#include "engine/data/mix_plan.h"

namespace cairn::data {

struct MixConfig {
  std::vector<MixSource> sources;
  std::vector<std::set<std::size_t>> inputs;  // of each source, by number; empty = all
  std::vector<MixStage> stages;
  MixReuse reuse = MixReuse::go_on;
};

// Fields "input_names", "sources" (with `more` fields of each source), "stages" and "reuse".
std::vector<Field> mix_config_fields(std::vector<Field> more);

// Error (usage) on names that are unknown or taken, and on stages that ask for nothing, or for a source twice.
MixConfig read_mix_config(const Config& config, std::size_t inputs);

// Of stages, which are outputs: small letters, digits, '_' and '-'. Error (usage) on others, and on one that is taken.
std::vector<std::string> mix_stage_names(const Config& config);

// The strings of a list, as a set.
std::set<std::string> set_of(const Config& config, std::string_view field);

}  // namespace cairn::data
