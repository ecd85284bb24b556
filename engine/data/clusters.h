// The clusters of documents that deduplicators found: a line for each document that stands in one (docs/format/clusters.md), and
// sizes and largest ones for the report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "engine/data/deduplicator.h"

namespace cairn::data {

struct LargeCluster {
  std::string url;  // of its representative
  std::uint64_t documents = 0;
};

struct ClusterTally {
  std::string filter;
  std::uint64_t clusters = 0, documents = 0;  // in all of them, representatives among them
  std::vector<std::uint64_t> by_size;         // as kClusterSizes says
  std::vector<LargeCluster> largest;          // at most ten, largest first
};

// Lower ends of the classes of sizes: 2, 3, 4, 5-9, 10-99, 100-999, 1000 and more.
inline constexpr std::uint64_t kClusterSizes[] = {2, 3, 4, 5, 10, 100, 1000};
std::string cluster_size_name(std::size_t size_class);  // "5-9"

// Writes the lines of all clusters to `file`; tallies in order of `deduplicators` without those that found none. Memory: 16 bytes
// for each document that was removed.
std::vector<ClusterTally> write_clusters(const std::vector<DedupRow>& rows, const std::vector<const Deduplicator*>& deduplicators,
                                         Disk& disk, const std::filesystem::path& file);

Json clusters_json(const std::vector<ClusterTally>& tallies);
std::string clusters_html(const std::vector<ClusterTally>& tallies);  // a section of the report, empty without clusters

}  // namespace cairn::data
