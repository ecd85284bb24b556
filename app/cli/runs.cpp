// cairn runs: what was run, newest first.
#include "app/cli/cli.h"
#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "base/format.h"
#include "base/json.h"
#include "lineage/workspace.h"

namespace cairn::app {
namespace {

std::string joined_outputs(const lineage::Ledger& ledger, const lineage::Run& run) {
  std::string text;
  for (const lineage::RunOutput& output : run.outputs)
    text += (text.empty() ? "" : " ") + artifact_label(ledger, output.artifact);
  return text;
}

ExitCode list_runs(Session& session, std::int64_t limit, const std::string& step) {
  const lineage::Ledger& ledger = session.workspace_for_reading().ledger();
  std::vector<lineage::Run> runs = ledger.runs(step.empty() ? static_cast<int>(limit) : 0);
  if (!step.empty()) {
    std::erase_if(runs, [&](const lineage::Run& run) { return run.op != step; });
    if (limit > 0 && runs.size() > static_cast<std::size_t>(limit)) runs.resize(static_cast<std::size_t>(limit));
  }
  if (session.json()) {
    Json list = Json::array();
    for (const lineage::Run& run : runs) list.push_back(run_json(ledger, run));
    print_json(list);
    return ExitCode::done;
  }
  if (runs.empty()) {
    fmt::print("no runs yet; cairn run PIPELINE.json makes some\n");
    return ExitCode::done;
  }
  TextTable table({"run", "step", "state", "started (UTC)", "took", "made", "note"});
  for (const lineage::Run& run : runs) {
    const std::string took = run.ended > run.started ? format_duration(static_cast<double>(run.ended - run.started) * 1e-6) : "";
    std::string note = run.note;
    if (run.reproduction_of) note = fmt::format("again run {}: {}", *run.reproduction_of, note);
    if (run.attempt_of) note = fmt::format("goes on from run {}{}{}", *run.attempt_of, note.empty() ? "" : "; ", note);
    table.add({std::to_string(run.id), run.op, lineage::run_state_name(run.state), format_time(run.started), took,
               joined_outputs(ledger, run), note});
  }
  fmt::print("{}", table.render(terminal_width()));
  return ExitCode::done;
}

}  // namespace

void add_runs(CommandLine& line, Session& session) {
  struct Options {
    std::int64_t limit = 20;
    std::string step;
  };
  auto options = std::make_shared<Options>();
  line.verb("runs", Phase::look, "what was run, newest first")
      .option(options->limit, "--limit", "N", "at most so many; 0 for all (default: 20)")
      .option(options->step, "--step", "STEP", "runs of this step only")
      .run([&session, options] { return list_runs(session, options->limit, options->step); });
}

}  // namespace cairn::app
