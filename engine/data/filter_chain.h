// A chain of filters as the config lists them, cut where documents have to be compared with one another.
//
// A stage is some filters (filters/filter.h) and then some deduplicators (deduplicator.h); a round over all documents runs one
// stage.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/schema.h"
#include "engine/data/deduplicator.h"
#include "engine/data/filters/filter.h"

namespace cairn::data {

struct NamedFilter {
  std::string name;
  std::unique_ptr<Filter> filter;
  std::vector<Statistic> statistics;  // the filter's
};

struct Stage {
  std::vector<NamedFilter> filters;
  std::vector<std::unique_ptr<Deduplicator>> deduplicators;  // of which only the last may cut texts
};

// The schema of a list of filters: {"filter": NAME, parameters...}.
Schema filter_chain_schema();
// The files that filters name in their config, in order: inputs of the step.
std::vector<std::filesystem::path> files_of_filters(const std::vector<Config>& filters);
// At least one stage. `filters`: the members of a completed list; `files`: where what files_of_filters() names lies now.
std::vector<Stage> make_filter_chain(const std::vector<Config>& filters, const std::vector<std::filesystem::path>& files = {});
std::vector<const Deduplicator*> deduplicators_of(const std::vector<Stage>& stages);  // in order
// Names in order, as in the config.
std::vector<std::string> filter_names(const std::vector<Stage>& stages);

}  // namespace cairn::data
