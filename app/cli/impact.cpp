// cairn impact SOURCE: how far the documents of one source got: stored, read, from which training step on, in which checkpoints.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "app/cli/cli.h"
#include "app/cli/document_search.h"
#include "app/cli/layout.h"
#include "app/cli/readings.h"
#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "base/format.h"
#include "base/json.h"
#include "base/schema.h"
#include "engine/data/optout.h"

namespace cairn::app {
namespace {

struct Fates {
  std::int64_t in = 0, kept = 0, held_out = 0;
  std::map<std::string, std::int64_t> dropped_by;
};

Fates fates_of(const data::Decisions& decisions, const std::string& source) {
  Fates fates;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const data::Decision d = decisions.at(i);
    if (d.source != source) continue;
    ++fates.in;
    if (d.verdict == data::Verdict::kept)
      ++fates.kept;
    else if (d.verdict == data::Verdict::held_out)
      ++fates.held_out;
    else
      ++fates.dropped_by[d.filter];
  }
  return fates;
}

ExitCode impact(Session& session, const std::string& source) {
  lineage::Workspace& workspace = session.workspace_for_reading();
  const lineage::Ledger& ledger = workspace.ledger();
  const std::vector<std::string> sources = ledger.sources();
  Json opted_out = Json::array();
  for (const data::OptOut& entry : data::read_optouts(workspace.folder() / "optout")) {
    if (!data::covers(entry, source)) continue;
    opted_out.push_back({{"name", entry.name}, {"received", entry.received}, {"evidence", entry.evidence}});
    if (!session.json()) print_wrapped(fmt::format("{} opted out, received {}", entry.name, entry.received));
  }
  if (!opted_out.empty() && std::find(sources.begin(), sources.end(), source) == sources.end()) {
    if (session.json())
      print_json({{"source", source}, {"opted_out", opted_out}, {"curations", Json::array()}, {"trainings", Json::array()}});
    else
      fmt::print("no documents of a source of that name are stored here\n");
    return ExitCode::done;
  }
  if (std::find(sources.begin(), sources.end(), source) == sources.end()) {
    const std::string near = nearest_name(source, sources);
    fail_usage("no documents of a source '{}' are stored here{}", source,
               near.empty() ? "" : fmt::format(". Did you mean '{}'?", near));
  }
  Json report = {{"source", source}, {"opted_out", opted_out}, {"curations", Json::array()}, {"trainings", Json::array()}};
  const bool json = session.json();
  for (const Curation& curation : curations_of(workspace)) {
    const Fates fates = fates_of(curation.decisions, source);
    if (fates.in == 0) continue;
    if (json) {
      report["curations"].push_back({{"run", curation.run.id},
                                     {"in", fates.in},
                                     {"kept", fates.kept},
                                     {"held_out", fates.held_out},
                                     {"dropped_by", fates.dropped_by}});
      continue;
    }
    std::string dropped;
    for (const auto& [filter, count] : fates.dropped_by)
      dropped += fmt::format("{}{} {}", dropped.empty() ? ": " : ", ", filter, count);
    print_wrapped(fmt::format("{} in run {}: {} documents came in, {} kept, {} held out, {} dropped{}",
                              curation.run.op == "mix" ? "mixed" : "curated", curation.run.id, fates.in, fates.kept,
                              fates.held_out, fates.in - fates.kept - fates.held_out, dropped));
  }
  const std::vector<Training> trainings = trainings_of(workspace);
  for (const Training& training : trainings) {
    const train::Reading reading = train::reading_of_source(training.read, training.shards, source);
    if (reading.stored == 0) continue;
    const std::vector<std::string> after = reading.read > 0 ? made_from(ledger, training.checkpoint) : std::vector<std::string>();
    if (json) {
      report["trainings"].push_back({{"run", training.run.id},
                                     {"checkpoint", training.label},
                                     {"stored", reading.stored},
                                     {"read", reading.read},
                                     {"first_step", reading.first_step ? Json(*reading.first_step) : Json(nullptr)},
                                     {"steps", training.read.steps()},
                                     {"reached", after}});
      continue;
    }
    std::string line = fmt::format("trained in run {} ({}): {} documents stored, {} read", training.run.id, training.label,
                                   reading.stored, reading.read);
    if (reading.first_step) line += fmt::format(", the first in step {} of {}", *reading.first_step, training.read.steps());
    print_wrapped(line);
    for (const std::string& label : after) print_wrapped("  and so in " + label);
  }
  if (json)
    print_json(report);
  else if (trainings.empty())
    fmt::print("no training of this workspace is recorded yet\n");
  return ExitCode::done;
}

}  // namespace

void add_impact(CommandLine& line, Session& session) {
  auto source = std::make_shared<std::string>();
  line.verb("impact", Phase::look,
            "how far a source's documents got: stored, read, from which training step on, in which checkpoints")
      .positional(*source, "SOURCE", "a source's name, as in the config of ingest")
      .run([&session, source] { return impact(session, *source); });
}

}  // namespace cairn::app
