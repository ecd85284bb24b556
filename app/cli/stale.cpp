// cairn stale: which artifacts a run of today would make differently.
#include "engine/steps/stale.h"
#include "app/cli/cli.h"
#include "app/cli/verbs.h"
#include "base/format.h"
#include "base/json.h"

namespace cairn::app {
namespace {

ExitCode list_stale(Session& session) {
  const std::vector<steps::StaleArtifact> stale =
      steps::find_stale(session.workspace_for_reading(), session.steps(), &session.threads());
  if (session.json()) {
    Json list = Json::array();
    for (const steps::StaleArtifact& each : stale) list.push_back({{"name", each.name}, {"reasons", each.reasons}});
    print_json(list);
    return ExitCode::done;
  }
  if (stale.empty()) {
    fmt::print("nothing is stale: every name means what a run of today would make\n");
    return ExitCode::done;
  }
  TextTable table({"artifact", "why"});
  for (const steps::StaleArtifact& each : stale) {
    for (const std::string& reason : each.reasons) table.add({&reason == &each.reasons.front() ? each.name : "", reason});
  }
  fmt::print("{}", table.render(terminal_width()));
  return ExitCode::done;
}

}  // namespace

void add_stale(CommandLine& line, Session& session) {
  line.verb("stale", Phase::look, "which artifacts a run of today would make differently").run([&session] {
    return list_stale(session);
  });
}

}  // namespace cairn::app
