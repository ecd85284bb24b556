// What a mixture took, of each source for each stage, as JSON and as one HTML page that opens from disk.
#pragma once

#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "engine/data/mix_plan.h"

namespace cairn::data {

struct MixReport {
  std::string unit;  // "tokens"
  std::vector<MixSource> sources;
  std::vector<MixStage> stages;
  const MixPlan* plan = nullptr;
  MixAmount came_in;
};

// Error when a sum does not add up: what came in = unmatched + matched of all sources; matched = capped + weightless + taken at
// least once + never taken.
void check_mix_sums(const MixReport& report, const std::vector<MixDocument>& documents);

Json mix_report_json(const MixReport& report);
std::string mix_report_html(const MixReport& report);

}  // namespace cairn::data
