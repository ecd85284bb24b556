#include "engine/data/clusters.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include <fmt/format.h>

#include "base/html.h"
#include "base/json.h"
#include "engine/data/json_line.h"

namespace cairn::data {

namespace {

constexpr std::size_t kLargest = 10;

std::string member_line(const Deduplicator& by, std::uint64_t cluster, std::uint64_t size, const CuratedRow& row,
                        const Removal& removal, std::string_view kept_url) {
  std::string out = "{\"cluster\":" + std::to_string(cluster) + ",\"filter\":";
  append_json_string(out, by.name());
  out += ",\"id\":";
  append_json_string(out, row.id);
  out += removal ? ",\"kept\":false" : ",\"kept\":true";
  if (removal) {
    out += ",\"reason\":";
    append_json_string(out, by.reason(removal, kept_url));
  }
  out += ",\"size\":" + std::to_string(size) + ",\"source\":";
  append_json_string(out, row.source);
  out += ",\"url\":";
  append_json_string(out, row.url);
  return out + "}\n";
}

std::size_t size_class_of(std::uint64_t size) {
  std::size_t found = 0;
  while (found + 1 < std::size(kClusterSizes) && size >= kClusterSizes[found + 1]) ++found;
  return found;
}

}  // namespace

std::string cluster_size_name(std::size_t size_class) {
  const std::uint64_t low = kClusterSizes[size_class];
  if (size_class + 1 == std::size(kClusterSizes)) return fmt::format("{} and more", low);
  const std::uint64_t high = kClusterSizes[size_class + 1] - 1;
  return low == high ? fmt::format("{}", low) : fmt::format("{}-{}", low, high);
}

std::vector<ClusterTally> write_clusters(const std::vector<DedupRow>& rows, const std::vector<const Deduplicator*>& deduplicators,
                                         Disk& disk, const std::filesystem::path& file) {
  struct Link {
    std::uint32_t by, kept, document;
    auto operator<=>(const Link&) const = default;
  };
  std::vector<Link> links;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    const Removal& removal = rows[i].removal;
    if (!removal || removal.kept == kNoDocument || removal.by->cuts()) continue;  // parts in common make no cluster
    const auto by = std::find(deduplicators.begin(), deduplicators.end(), removal.by) - deduplicators.begin();
    links.push_back({static_cast<std::uint32_t>(by), removal.kept, i});
  }
  std::sort(links.begin(), links.end());

  GatheringFile out(disk, file);
  std::vector<ClusterTally> tallies;
  std::uint64_t cluster = 0;
  for (std::size_t begin = 0, end; begin < links.size(); begin = end) {
    end = begin;
    while (end < links.size() && links[end].by == links[begin].by && links[end].kept == links[begin].kept) ++end;
    const Deduplicator& by = *deduplicators.at(links[begin].by);
    const std::uint64_t size = end - begin + 1;
    const CuratedRow& kept = *rows[links[begin].kept].row;
    ++cluster;
    out.write(member_line(by, cluster, size, kept, {}, {}));
    for (std::size_t i = begin; i < end; ++i) {
      out.write(member_line(by, cluster, size, *rows[links[i].document].row, rows[links[i].document].removal, kept.url));
    }
    if (begin == 0 || links[begin - 1].by != links[begin].by)
      tallies.push_back({by.name(), 0, 0, std::vector<std::uint64_t>(std::size(kClusterSizes)), {}});
    ClusterTally& tally = tallies.back();
    ++tally.clusters;
    tally.documents += size;
    ++tally.by_size[size_class_of(size)];
    if (tally.largest.size() < kLargest || size > tally.largest.back().documents) {
      const auto place = std::find_if(tally.largest.begin(), tally.largest.end(),
                                      [size](const LargeCluster& other) { return other.documents < size; });
      tally.largest.insert(place, {std::string(kept.url), size});
      if (tally.largest.size() > kLargest) tally.largest.pop_back();
    }
  }
  out.finish();
  return tallies;
}

Json clusters_json(const std::vector<ClusterTally>& tallies) {
  Json all = Json::array();
  for (const ClusterTally& tally : tallies) {
    Json sizes = Json::object(), largest = Json::array();
    for (std::size_t i = 0; i < tally.by_size.size(); ++i) sizes[cluster_size_name(i)] = tally.by_size[i];
    for (const LargeCluster& one : tally.largest) largest.push_back({{"url", one.url}, {"documents", one.documents}});
    all.push_back({{"filter", tally.filter},
                   {"clusters", tally.clusters},
                   {"documents", tally.documents},
                   {"by_size", sizes},
                   {"largest", largest}});
  }
  return all;
}

std::string clusters_html(const std::vector<ClusterTally>& tallies) {
  std::string out;
  for (const ClusterTally& tally : tallies) {
    out += fmt::format(
        "<h2>Clusters of {}</h2><p>{} clusters of {} documents; one of each is kept. clusters.jsonl lists them all.</p>"
        "<table><tr><th>documents in a cluster</th><th class=\"n\">clusters</th><th>share</th></tr>",
        html_escape(tally.filter), tally.clusters, tally.documents);
    for (std::size_t i = 0; i < tally.by_size.size(); ++i) {
      out += fmt::format(
          "<tr><td>{}</td><td class=\"n\">{}</td><td><div class=\"bar\"><i class=\"d\" "
          "style=\"width:{:.2f}%\"></i></div></td></tr>",
          cluster_size_name(i), tally.by_size[i],
          100 * static_cast<double>(tally.by_size[i]) / static_cast<double>(std::max<std::uint64_t>(tally.clusters, 1)));
    }
    out += "</table><details><summary>The largest</summary><table><tr><th>kept</th><th class=\"n\">documents</th></tr>";
    for (const LargeCluster& one : tally.largest)
      out += fmt::format("<tr><td><code>{}</code></td><td class=\"n\">{}</td></tr>", html_escape(one.url), one.documents);
    out += "</table></details>";
  }
  return out;
}

}  // namespace cairn::data
