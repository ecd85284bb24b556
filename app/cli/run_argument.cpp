#include "app/cli/run_argument.h"

#include <algorithm>

#include "app/cli/report.h"
#include "base/error.h"

namespace cairn::app {

using namespace lineage;

namespace {

bool has_metrics(const Workspace& workspace, const Run& run) {
  std::error_code missing;
  return fs::file_size(workspace.run_folder(run.uuid) / "metrics.jsonl", missing) > 0 && !missing;
}

}  // namespace

bool is_open(const Run& run) {
  return run.state == RunState::planned || run.state == RunState::running || run.state == RunState::sealing;
}

Run find_run(const Workspace& workspace, const Ledger& ledger, const std::string& text) {
  const std::vector<Run> runs = ledger.runs();
  if (runs.empty()) fail("no runs yet; cairn run PIPELINE.json makes some");
  if (text.empty()) {
    const auto alive =
        std::find_if(runs.begin(), runs.end(), [&](const Run& run) { return is_open(run) && workspace.run_alive(run.uuid); });
    if (alive != runs.end()) return *alive;
    const auto measured = std::find_if(runs.begin(), runs.end(), [&](const Run& run) { return has_metrics(workspace, run); });
    return measured == runs.end() ? runs.front() : *measured;
  }
  for (const Run& run : runs) {
    if (std::to_string(run.id) == text || (text.size() >= 6 && run.uuid.text().starts_with(text)) || run.op == text) return run;
  }
  try {
    if (const auto producer = ledger.producer(ledger.resolve(text).id)) return *producer;
  } catch (const Error&) {
    fail_usage("'{}' is no run, step or artifact here; `cairn runs` lists the runs", text);
  }
  fail("'{}' was not made by a run here", text);
}

std::string run_title(const Ledger& ledger, const Run& run) {
  if (run.outputs.empty()) return run.op;
  const std::string label = artifact_label(ledger, run.outputs.front().artifact);
  return label.find('@') == std::string::npos ? run.op : label;
}

}  // namespace cairn::app
