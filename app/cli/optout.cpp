// cairn optout add|list: the register of those who want their documents left out (docs/format/optout.md).
#include "engine/data/optout.h"

#include <fmt/format.h>

#include "app/cli/cli.h"
#include "app/cli/layout.h"
#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "lineage/workspace.h"

namespace cairn::app {
namespace {

struct OptOutOptions {
  std::string action, name, received, evidence;
};

ExitCode add(Session& session, const OptOutOptions& options) {
  if (options.name.empty() || options.received.empty() || options.evidence.empty())
    fail_usage("optout add: expected DOMAIN --received DATE --evidence FILE");
  const fs::path folder = session.workspace_for_reading().folder() / "optout";
  const std::string added = format_iso8601(now_microseconds()).substr(0, 19) + "Z";
  const std::string file = data::add_optout(real_disk(), folder, {options.name, options.received, added, {}}, options.evidence);
  if (session.json())
    print_json({{"entry", "optout/" + file}});
  else
    fmt::print(
        "entered as optout/{}\ncurations with {{\"filter\": \"optout\", \"file\": \"optout\"}} leave it out from now on; "
        "`cairn audit` tells which checkpoints have read it\n",
        file);
  return ExitCode::done;
}

ExitCode list(Session& session) {
  const std::vector<data::OptOut> entries = data::read_optouts(session.workspace_for_reading().folder() / "optout");
  if (session.json()) {
    Json json = Json::array();
    for (const data::OptOut& entry : entries)
      json.push_back({{"name", entry.name}, {"received", entry.received}, {"added", entry.added}, {"evidence", entry.evidence}});
    print_json(json);
    return ExitCode::done;
  }
  for (const data::OptOut& entry : entries)
    fmt::print("{}  received {}, entered {}, evidence {}\n", entry.name, entry.received, entry.added,
               entry.evidence.substr(0, 12));
  if (entries.empty()) fmt::print("nobody has opted out\n");
  return ExitCode::done;
}

}  // namespace

void add_optout(CommandLine& line, Session& session) {
  auto options = std::make_shared<OptOutOptions>();
  line.verb("optout", Phase::make, "enter a request to leave documents out, or list them: optout add DOMAIN, optout list")
      .positional(options->action, "ACTION", "add or list")
      .optional_positional(options->name, "DOMAIN", "with all below it; or a source, as the config of ingest names it")
      .option(options->received, "--received", "DATE", "when the request came, as 2026-11-24")
      .option(options->evidence, "--evidence", "FILE", "the request itself; a copy is kept")
      .run([&session, options] {
        if (options->action == "add") return add(session, *options);
        if (options->action == "list") return list(session);
        fail_usage("optout {}: expected add or list", options->action);
      });
}

}  // namespace cairn::app
