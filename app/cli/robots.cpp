// cairn robots DECISIONS: what robots.txt files would forbid of all that a curation has seen, under any list of agents. Addresses
// come from the decisions; no document is read.
#include <map>

#include <fmt/format.h>

#include "app/cli/cli.h"
#include "app/cli/layout.h"
#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/data/decisions.h"
#include "engine/data/filters/robots.h"
#include "lineage/workspace.h"

namespace cairn::app {
namespace {

struct RobotsOptions {
  std::string decisions, files, reading = "rfc", date;
  std::vector<std::string> agents;
};

ExitCode replay(Session& session, const RobotsOptions& options) {
  if (options.reading != "rfc" && options.reading != "protego")
    fail_usage("--reading {}: expected rfc or protego", options.reading);
  if (options.files.empty()) fail_usage("robots: expected --files: robots.txt files, as the filter robots takes them");
  fs::path path = options.decisions;
  if (!fs::is_regular_file(path)) {
    lineage::Workspace& workspace = session.workspace_for_reading();
    path = workspace.path_of(workspace.ledger().resolve(options.decisions).id);
  }
  const data::Decisions decisions(path);
  data::RobotsParams params;
  params.agents = data::robots_agents(options.agents.empty() ? std::vector<std::string>{"apertus-report@1"} : options.agents);
  params.reading = options.reading == "rfc" ? data::RobotsReading::rfc : data::RobotsReading::protego;
  params.date = options.date;
  const data::RobotsFilter filter(params, options.files);

  std::vector<std::int64_t> by_agent(params.agents.size(), 0);
  std::int64_t any = 0, newly = 0, freed = 0;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const data::Decision d = decisions.at(i);
    const data::RobotsDecision found = filter.decide(d.url);
    for (const std::uint16_t agent : found.blocked) ++by_agent[agent];
    const bool blocked = !found.blocked.empty(), was = d.filter == "robots";
    any += blocked;
    newly += blocked && d.verdict != data::Verdict::dropped;
    freed += !blocked && was;
  }
  if (session.json()) {
    Json agents = Json::object();
    for (std::size_t i = 0; i < by_agent.size(); ++i) agents[params.agents[i]] = by_agent[i];
    print_json({{"documents", decisions.size()},
                {"hosts", filter.hosts()},
                {"any", any},
                {"agents", agents},
                {"kept_then_forbidden", newly},
                {"dropped_then_free", freed}});
    return ExitCode::done;
  }
  fmt::print("{} of {} documents are forbidden to one of {} agents, by the files of {} hosts\n", any, decisions.size(),
             params.agents.size(), filter.hosts());
  for (std::size_t i = 0; i < by_agent.size(); ++i) fmt::print("  {:<30} {}\n", params.agents[i], by_agent[i]);
  fmt::print("of what was kept, {} would be dropped; of what robots dropped, {} would be kept\n", newly, freed);
  return ExitCode::done;
}

}  // namespace

void add_robots(CommandLine& line, Session& session) {
  auto options = std::make_shared<RobotsOptions>();
  line.verb("robots", Phase::look, "what robots.txt files would forbid of what a curation has seen, under another list of agents")
      .positional(options->decisions, "DECISIONS", "a curation's decisions: clean.decisions, or a file")
      .option(options->files, "--files", "PATH", "robots.txt files: a folder (names are hosts), JSONL or a web archive")
      .option(options->agents, "--agent", "AGENT", "an agent, or a list by name: apertus-code@1, apertus-report@1 (default)")
      .option(options->reading, "--reading", "HOW", "rfc (default) or protego")
      .option(options->date, "--date", "DATE", "take the latest file that is not later")
      .run([&session, options] { return replay(session, *options); });
}

}  // namespace cairn::app
