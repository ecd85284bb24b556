#include "engine/data/clusters.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/html.h"
#include "base/json.h"
#include "engine/data/external_sort.h"
#include "engine/data/json_line.h"
#include "engine/data/sort_key.h"

namespace cairn::data {

namespace {

constexpr std::size_t kLargest = 10;

std::string member_line(const std::string& by, std::uint64_t cluster, std::uint64_t size, const KnownDocument& document,
                        const std::string* reason) {
  std::string out = "{\"cluster\":" + std::to_string(cluster) + ",\"filter\":";
  append_json_string(out, by);
  out += ",\"id\":";
  append_json_string(out, document.id);
  out += reason != nullptr ? ",\"kept\":false" : ",\"kept\":true";
  if (reason != nullptr) {
    out += ",\"reason\":";
    append_json_string(out, *reason);
  }
  out += ",\"size\":" + std::to_string(size) + ",\"source\":";
  append_json_string(out, document.source);
  out += ",\"url\":";
  append_json_string(out, document.url);
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

std::string pack_member(const ClusterMember& member) {
  std::string record;
  for (const std::uint64_t number : {member.by, member.kept, member.document}) append_key(record, number);
  for (const std::string* text : {&member.id, &member.source, &member.url, &member.reason, &member.kept_document.id,
                                  &member.kept_document.source, &member.kept_document.url})
    append_key(record, *text);
  return record;
}

ClusterMember unpack_member(std::string_view record) {
  ClusterMember member;
  for (std::uint64_t* number : {&member.by, &member.kept, &member.document}) *number = take_number_key(record);
  for (std::string* text : {&member.id, &member.source, &member.url, &member.reason, &member.kept_document.id,
                            &member.kept_document.source, &member.kept_document.url})
    *text = take_string_key(record);
  return member;
}

std::vector<ClusterTally> write_clusters(const std::function<void(const MemberFn&)>& for_each,
                                         const std::map<std::uint64_t, std::string>& names, Disk& disk,
                                         const std::filesystem::path& file, const std::filesystem::path& sizes) {
  // A line tells its cluster's size, which is known at its end: the first time counts, the second writes.
  const auto begins_cluster = [](const ClusterMember& member, const ClusterMember& last, bool any) {
    return !any || member.by != last.by || member.kept != last.kept;
  };
  disk.remove(sizes);
  {
    RecordFile<std::uint64_t> counted(disk, sizes);
    ClusterMember last;
    std::uint64_t size = 0;
    for_each([&](const ClusterMember& member) {
      if (begins_cluster(member, last, size > 0)) {
        if (size > 0) counted.write(size);
        size = 1;  // the one that is kept
        last = member;
      }
      ++size;
    });
    if (size > 0) counted.write(size);
    counted.finish(false);
  }

  GatheringFile out(disk, file);
  std::vector<ClusterTally> tallies;
  std::uint64_t cluster = 0, size = 0;
  ClusterMember last;
  RecordRun<std::uint64_t> counted(sizes, 0, disk.size(sizes));
  for_each([&](const ClusterMember& member) {
    const std::string& by = names.at(member.by);
    if (begins_cluster(member, last, cluster > 0)) {
      size = counted.record();
      counted.next();
      if (cluster == 0 || member.by != last.by)
        tallies.push_back({by, 0, 0, std::vector<std::uint64_t>(std::size(kClusterSizes)), {}});
      ++cluster;
      out.write(member_line(by, cluster, size, member.kept_document, nullptr));
      ClusterTally& tally = tallies.back();
      ++tally.clusters;
      tally.documents += size;
      ++tally.by_size[size_class_of(size)];
      if (tally.largest.size() < kLargest || size > tally.largest.back().documents) {
        const auto place = std::find_if(tally.largest.begin(), tally.largest.end(),
                                        [size](const LargeCluster& other) { return other.documents < size; });
        tally.largest.insert(place, {member.kept_document.url, size});
        if (tally.largest.size() > kLargest) tally.largest.pop_back();
      }
      last = member;
    }
    out.write(member_line(by, cluster, size, {member.id, member.source, member.url}, &member.reason));
  });
  out.finish();
  disk.remove(sizes);
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
