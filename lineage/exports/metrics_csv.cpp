#include "lineage/exports/metrics_csv.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"

namespace cairn::lineage {
namespace {

std::string cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string cell(const Json& value) {
  return cell(value.is_string() ? value.get<std::string>() : canonical_json(value));
}

}  // namespace

void write_metrics_csv(const RunMetrics& metrics, std::vector<std::string> names,
                       const std::function<void(std::string_view)>& sink) {
  std::set<std::string> known;
  for (const std::string& name : metrics.names()) known.insert(name);
  for (const MetricNote& note : metrics.notes()) known.insert(note.name);
  if (names.empty()) names.assign(known.begin(), known.end());
  for (const std::string& name : names) {
    if (!known.contains(name)) fail_usage("no step of this run tells '{}'; it tells: {}", name, fmt::join(known, ", "));
  }
  std::string header = "step,time";
  for (const std::string& name : names) header += "," + cell(name);
  sink(header + "\n");
  for (std::size_t i = 0; i < metrics.rows().size(); ++i) {
    const Json row = metrics.row_json(i);
    std::string line = std::to_string(metrics.rows()[i].step) + ",";
    if (metrics.rows()[i].time != 0) line += std::to_string(metrics.rows()[i].time);
    for (const std::string& name : names) {
      const auto value = row.find(name);
      line += "," + (value == row.end() ? std::string() : cell(*value));
    }
    sink(line + "\n");
  }
}

}  // namespace cairn::lineage
