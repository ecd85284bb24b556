#include "engine/data/contamination_report.h"

#include <map>
#include <set>

#include <fmt/format.h>

#include "base/html.h"
#include "base/json.h"
#include "engine/data/filters/decontaminate.h"
#include "engine/data/json_line.h"

namespace cairn::data {

namespace {

constexpr std::string_view kFilter = "decontaminate";

// The evidence of a document is "FILTER: what it kept; FILTER: ...".
std::vector<Contamination> found_in(const CuratedRow& row) {
  std::vector<Contamination> found;
  for (std::string_view rest = row.evidence; !rest.empty();) {
    const std::string_view part = rest.substr(0, rest.find("; "));
    rest.remove_prefix(std::min(rest.size(), part.size() + 2));
    if (!part.starts_with(kFilter) || !part.substr(kFilter.size()).starts_with(": ")) continue;
    const std::vector<Contamination> here = parse_contamination(part.substr(kFilter.size() + 2));
    found.insert(found.end(), here.begin(), here.end());
  }
  return found;
}

const char* fate_of(const CuratedRow& row) {
  if (row.dropped && row.filter == kFilter) return "dropped";
  const std::string edited = fmt::format(" {} ", row.edited_by);
  return edited.find(fmt::format(" {} ", kFilter)) != std::string::npos ? "cut" : "reported";
}

}  // namespace

bool has_contamination(const CuratedRow& row) {
  return row.evidence.find(kFilter) != std::string_view::npos;
}

std::vector<BenchmarkTally> write_contamination(
    const std::function<void(const std::function<void(const CuratedRow&)>&)>& for_each, Disk& disk,
    const std::filesystem::path& file) {
  GatheringFile out(disk, file);
  std::string line;
  std::map<std::string, BenchmarkTally> tallies;
  std::set<std::string> items;
  for_each([&](const CuratedRow& row) {
    const std::string_view fate = fate_of(row);
    std::set<std::string> benchmarks;
    for (const Contamination& one : found_in(row)) {
      const std::size_t mark = one.item.rfind('#');
      const std::string benchmark = one.item.substr(0, mark);
      line = "{\"benchmark\":";
      append_json_string(line, benchmark);
      line += ",\"bytes\":[";
      for (std::size_t i = 0; i < one.bytes.size(); ++i)
        line += fmt::format("{}[{},{}]", i == 0 ? "" : ",", one.bytes[i].first, one.bytes[i].second);
      line += "],\"fate\":";
      append_json_string(line, fate);
      line += ",\"id\":";
      append_json_string(line, row.id);
      line += ",\"item\":";
      append_json_string(line, one.item.substr(mark + 1));
      line += fmt::format(",\"of\":{},\"source\":", one.of);
      append_json_string(line, row.source);
      line += ",\"url\":";
      append_json_string(line, row.url);
      line += fmt::format(",\"words\":{}}}\n", one.words);
      out.write(line);
      BenchmarkTally& tally = tallies[benchmark];
      tally.items += items.insert(one.item).second;
      if (!benchmarks.insert(benchmark).second) continue;
      ++tally.documents;
      ++(fate == "dropped" ? tally.dropped : fate == "cut" ? tally.cut : tally.reported);
    }
  });
  out.finish();
  std::vector<BenchmarkTally> all;
  for (auto& [name, tally] : tallies) {
    tally.benchmark = name;
    all.push_back(tally);
  }
  return all;
}

Json contamination_json(const std::vector<BenchmarkTally>& tallies) {
  Json all = Json::array();
  for (const BenchmarkTally& tally : tallies) {
    all.push_back({{"benchmark", tally.benchmark},
                   {"documents", tally.documents},
                   {"items", tally.items},
                   {"dropped", tally.dropped},
                   {"cut", tally.cut},
                   {"reported", tally.reported}});
  }
  return all;
}

std::string contamination_html(const std::vector<BenchmarkTally>& tallies) {
  if (tallies.empty()) return {};
  std::string out =
      "<h2>Texts of evaluation sets</h2><p>contamination.jsonl lists them all, with their "
      "places.</p><table><tr><th>benchmark</th>"
      "<th class=\"n\">items found</th><th class=\"n\">in documents</th><th class=\"n\">dropped</th><th class=\"n\">cut</th>"
      "<th class=\"n\">reported only</th></tr>";
  for (const BenchmarkTally& tally : tallies) {
    out += fmt::format(
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{}</td></tr>",
        html_escape(tally.benchmark), tally.items, tally.documents, tally.dropped, tally.cut, tally.reported);
  }
  return out + "</table>";
}

}  // namespace cairn::data
