// Metrics as comma-separated values (RFC 4180): a header, then one line a step.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lineage/metrics.h"

namespace cairn::lineage {

// Columns: step, time (microseconds since 1970), then `names`, or all names when it is empty. A cell is empty where the step does
// not tell the name; numbers read back to the same double. `sink` gets the text in pieces of whole lines. Error on a name that
// no row tells.
void write_metrics_csv(const RunMetrics& metrics, std::vector<std::string> names,
                       const std::function<void(std::string_view)>& sink);

}  // namespace cairn::lineage
