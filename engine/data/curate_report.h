// The report of a curation: what each filter dropped and edited, per rule, language and source, with samples; as JSON and as one
// HTML page that opens from disk.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "engine/data/clusters.h"
#include "engine/data/contamination_report.h"

namespace cairn::data {

struct DroppedSample {
  std::string url, language, reason, begins;
};

struct FilterTally {
  std::int64_t seen = 0, dropped = 0, edited = 0;
  std::map<std::string, std::int64_t> rules;
  std::map<std::string, std::vector<DroppedSample>> samples;  // by rule, the first few
};

struct GroupTally {  // of a language or source
  std::int64_t in = 0, kept = 0, held_out = 0;
  std::uint64_t text_bytes = 0;                    // of kept documents
  std::map<std::string, std::int64_t> dropped_by;  // filter
};

struct CurateReport {
  std::vector<std::string> filters;  // in order of the chain
  std::map<std::string, FilterTally> by_filter;
  std::map<std::string, GroupTally> by_language, by_source;
  GroupTally total;
  std::vector<ClusterTally> clusters;
  std::vector<BenchmarkTally> contamination;
  std::uint64_t text_bytes_in = 0;
};

Json report_json(const CurateReport& report);
std::string report_html(const CurateReport& report);

}  // namespace cairn::data
