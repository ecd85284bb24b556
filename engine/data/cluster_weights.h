// How often a corpus repeats a document whose near copies were removed: by the size of its cluster (rehydration, as FineWeb-2
// does; spec/data.md §2.5).
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/schema.h"
#include "engine/steps/step_context.h"

namespace cairn::data {

// {"filter": "minhash", "weights": [{"from": 1, "weight": 1}, ...]}; without weights, FineWeb-2's.
Schema cluster_weights_schema();

class ClusterWeights {
 public:
  // `reports` of curations, whose clusters.jsonl (docs/format/clusters.md) is read. Error (usage) without any, and on weights
  // whose sizes do not grow from 1; Error naming file and line on anything else than clusters.
  ClusterWeights(const Config& config, const std::vector<steps::StepInput>& reports);

  double of(std::string_view id, std::string_view url) const;  // 1's weight where it stands in no cluster
  double of_size(std::int64_t documents) const;

 private:
  void read(const std::filesystem::path& file, const std::string& filter);

  std::vector<std::pair<std::int64_t, double>> weights_;   // from this size on; ascending
  std::unordered_map<std::uint64_t, std::int64_t> sizes_;  // of kept documents, by hash of id and address
};

}  // namespace cairn::data
