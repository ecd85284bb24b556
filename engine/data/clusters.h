// The clusters of documents that deduplicators found: a line for each document that stands in one (docs/format/clusters.md), and
// sizes and largest ones for the report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "engine/data/deduplicator.h"

namespace cairn::data {

// A document that is out because another stands for it.
struct ClusterMember {
  std::uint64_t by = 0;  // number of the deduplicator
  DocumentNumber kept = 0, document = 0;
  std::string id, source, url, reason;
  KnownDocument kept_document;
};
std::string pack_member(const ClusterMember& member);  // a record in the order of by, kept, document
ClusterMember unpack_member(std::string_view record);

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

// `for_each`: calls its argument for every member, in the order of pack_member(); it is called twice. `names`: of the
// deduplicators by their number. Writes the lines of all clusters to `file`; tallies in order of the deduplicators, without those
// that found none. `sizes`: a file that it may use.
using MemberFn = std::function<void(const ClusterMember&)>;
std::vector<ClusterTally> write_clusters(const std::function<void(const MemberFn&)>& for_each,
                                         const std::map<std::uint64_t, std::string>& names, Disk& disk,
                                         const std::filesystem::path& file, const std::filesystem::path& sizes);

Json clusters_json(const std::vector<ClusterTally>& tallies);
std::string clusters_html(const std::vector<ClusterTally>& tallies);  // a section of the report, empty without clusters

}  // namespace cairn::data
