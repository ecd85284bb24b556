// cairn signals DECISIONS: what opt-out signals would keep from training of all that a curation has seen, under any list of
// signals and agents. The lines come from the decisions' evidence, those of other files from --robots and --tdmrep; no document
// is read.
#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "app/cli/cli.h"
#include "app/cli/layout.h"
#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/data/decisions.h"
#include "engine/data/filters/signals.h"
#include "engine/data/robots/robots.h"
#include "lineage/workspace.h"

namespace cairn::app {
namespace {

struct SignalOptions {
  std::string decisions, robots, tdmrep, date;
  std::vector<std::string> signals, agents;
};

// What the filter kept with its judgement; none where it has not seen the document.
std::optional<std::string> signal_evidence(const std::string& evidence) {
  constexpr std::string_view kName = "signals: ";
  for (std::size_t at = 0; at < evidence.size();) {
    const std::size_t end = std::min(evidence.find("; ", at), evidence.size());
    const std::string_view part = std::string_view(evidence).substr(at, end - at);
    if (part.starts_with(kName)) return std::string(part.substr(kName.size()));
    at = end + 2;
  }
  return std::nullopt;
}

struct Tally {
  std::int64_t documents = 0, seen = 0, any = 0, kept_then_reserved = 0, dropped_then_free = 0, unreadable = 0;
  std::vector<std::int64_t> by_signal;  // of the whole table
  std::map<std::string, std::int64_t> by_place;
};

Tally replay(const data::Decisions& decisions, const data::SignalFilter& filter, const SignalOptions& options) {
  Tally tally;
  tally.by_signal.resize(data::signal_table().size());
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const data::Decision d = decisions.at(i);
    ++tally.documents;
    const std::optional<std::string> evidence = signal_evidence(d.evidence);
    if (!evidence) continue;
    ++tally.seen;
    std::vector<data::SignalLine> lines = data::split_signal_lines(*evidence, data::kEvidenceSeparator);
    std::erase_if(lines, [&options](const data::SignalLine& line) {
      return (line.place == data::SignalPlace::robots_txt && !options.robots.empty()) ||
             (line.place == data::SignalPlace::tdmrep && !options.tdmrep.empty());
    });
    filter.site().lines_for(d.url, lines);
    data::SignalAnswer said;
    const data::Judgement judgement = filter.judge_lines(lines, "", &said);
    const bool reserved = judgement.action == data::Judgement::Action::drop, was = d.filter == "signals";
    for (const std::size_t signal : said.reserved) ++tally.by_signal[signal];
    std::vector<std::string> places;
    for (const std::size_t line : said.by_line) places.emplace_back(data::signal_place_name(lines[line].place));
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
    for (const std::string& place : places) ++tally.by_place[place];
    tally.any += reserved;
    tally.unreadable += !said.unreadable.empty();
    tally.kept_then_reserved += reserved && d.verdict != data::Verdict::dropped;
    tally.dropped_then_free += !reserved && was;
  }
  return tally;
}

ExitCode signals(Session& session, const SignalOptions& options) {
  fs::path path = options.decisions;
  if (!fs::is_regular_file(path)) {
    lineage::Workspace& workspace = session.workspace_for_reading();
    const lineage::Artifact artifact = workspace.ledger().resolve(options.decisions);
    if (artifact.kind != "decisions")
      fail_usage("signals: '{}' is {}; signals are read from decisions", options.decisions, artifact.kind);
    path = workspace.path_of(artifact.id);
  }
  const data::Decisions decisions(path);
  data::SignalParams params;
  params.signals = data::signals_named(options.signals.empty() ? std::vector<std::string>{"training@1"} : options.signals);
  params.agents = data::robots_agents(options.agents.empty() ? std::vector<std::string>{"apertus-report@1"} : options.agents);
  params.date = options.date;
  const data::SignalFilter filter(params, data::SiteLines({options.robots, options.tdmrep, params.agents, options.date}));
  const Tally tally = replay(decisions, filter, options);
  if (session.json()) {
    Json by_signal = Json::object();
    for (std::size_t i = 0; i < tally.by_signal.size(); ++i) by_signal[data::signal_table()[i].id] = tally.by_signal[i];
    print_json({{"documents", tally.documents},
                {"seen", tally.seen},
                {"any", tally.any},
                {"signals", by_signal},
                {"places", tally.by_place},
                {"unreadable", tally.unreadable},
                {"kept_then_reserved", tally.kept_then_reserved},
                {"dropped_then_free", tally.dropped_then_free}});
    return ExitCode::done;
  }
  fmt::print("{} of {} documents are kept from training by one of {} signals\n", tally.any, tally.documents,
             params.signals.size());
  if (tally.seen < tally.documents)
    fmt::print("{} were dropped before the filter signals, or it was not in the chain: nothing is known of them\n",
               tally.documents - tally.seen);
  for (std::size_t i = 0; i < tally.by_signal.size(); ++i) {
    const bool counts = std::binary_search(params.signals.begin(), params.signals.end(), i);
    if (counts || tally.by_signal[i] > 0)
      fmt::print("  {:<30} {}{}\n", data::signal_table()[i].id, tally.by_signal[i], counts ? "" : "  (does not count)");
  }
  for (const auto& [place, count] : tally.by_place) fmt::print("  by {:<27} {}\n", place, count);
  if (tally.unreadable > 0) fmt::print("  {:<30} {}\n", "unreadable", tally.unreadable);
  fmt::print("of what was kept, {} would be dropped; of what signals dropped, {} would be kept\n", tally.kept_then_reserved,
             tally.dropped_then_free);
  return ExitCode::done;
}

}  // namespace

void add_signals(CommandLine& line, Session& session) {
  auto options = std::make_shared<SignalOptions>();
  line.verb("signals", Phase::look,
            "what opt-out signals keep from training of what a curation has seen, under another list of signals")
      .positional(options->decisions, "DECISIONS", "a curation's decisions: clean.decisions, or a file")
      .option(options->signals, "--signal", "SIGNAL", "a signal that counts, or a list by name: training@1 (default), all@1")
      .option(options->agents, "--agent", "AGENT", "an agent, or a list by name: apertus-code@1, apertus-report@1 (default)")
      .option(options->robots, "--robots", "PATH", "other robots.txt files than those of the curation, as the filter takes them")
      .option(options->tdmrep, "--tdmrep", "PATH", "likewise tdmrep.json files")
      .option(options->date, "--date", "DATE",
              "take the latest file that is not later; what is unavailable after an earlier day, is")
      .run([&session, options] { return signals(session, *options); });
}

}  // namespace cairn::app
