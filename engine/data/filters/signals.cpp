#include "engine/data/filters/signals.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/robots/robots.h"

namespace cairn::data {

std::vector<SignalLine> SignalFilter::lines_of(std::string_view page_lines, const std::string& url) const {
  std::vector<SignalLine> lines = split_signal_lines(page_lines, "\n");
  site_.lines_for(url, lines);
  return lines;
}

Judgement SignalFilter::judge_lines(const std::vector<SignalLine>& lines, const std::string& retrieved,
                                    SignalAnswer* answer) const {
  const SignalAnswer said = read_signals(lines, {params_.agents, params_.date.empty() ? retrieved.substr(0, 10) : params_.date});
  Judgement judgement = keep();
  std::string reason;
  for (std::size_t i = 0; i < said.reserved.size(); ++i) {
    if (!std::binary_search(params_.signals.begin(), params_.signals.end(), said.reserved[i])) continue;
    const std::string& id = signal_table()[said.reserved[i]].id;
    if (judgement.rule.empty()) judgement.rule = id;
    reason += fmt::format("{}{} by {}", reason.empty() ? "" : ", ", id, signal_line_text(lines[said.by_line[i]]));
  }
  if (!judgement.rule.empty()) judgement = drop(judgement.rule, "kept from training: " + reason);
  judgement.evidence = lines.empty() ? "none" : join_signal_lines(lines, kEvidenceSeparator);
  if (answer != nullptr) *answer = said;
  return judgement;
}

Judgement SignalFilter::judge(const Document& document, TextAnalysis& analysis) const {
  const std::vector<SignalLine> lines = lines_of(document.signals, document.url);
  SignalAnswer said;
  Judgement judgement = judge_lines(lines, document.retrieved, &said);
  if (!said.reserved.empty()) analysis.measured(0, 0);
  for (const std::size_t signal : said.reserved) analysis.measured(0, 1.0 + static_cast<double>(signal));
  if (!said.unreadable.empty()) analysis.measured(0, 1.0 + static_cast<double>(signal_table().size()));
  return judgement;
}

std::vector<Statistic> SignalFilter::statistics() const {
  Statistic signals{
      0,  "signals", "documents with an opt-out signal, whether it counts here or not", Statistic::Scale::named, 0, {},
      {}, {"any"}};
  for (const Signal& signal : signal_table()) {
    signals.names.push_back(signal.id);
    signals.rules.push_back(signal.id);
  }
  signals.names.push_back("unreadable");
  return {signals};
}

Variant SignalFilter::variant() {
  return {"signals",
          {field("signals", list(string().min(1)).min(1).def(Json::array({"training@1"})),
                 "that count: names, or NAME@VERSION of a list: training@1, all@1"),
           field("agents", list(string().min(1)).min(1).def(Json::array({"apertus-report@1"})),
                 "whose own directives count beside those for all: agents, or NAME@VERSION of a list"),
           field("date", string().def(nullptr),
                 "of the files (as robots has it), and the day that unavailable_after is held against; default: when a document "
                 "was retrieved"),
           field("robots", string().min(1).def(nullptr), "robots.txt files, as robots takes them"),
           field("tdmrep", string().min(1).def(nullptr), "likewise files of /.well-known/tdmrep.json")},
          "drop documents that a header, <meta>, robots.txt line or tdmrep.json keeps from training"};
}

std::unique_ptr<Filter> SignalFilter::make(const Config& config) {
  return make_with_files(config, {});
}

std::unique_ptr<Filter> SignalFilter::make_with_files(const Config& config, const std::vector<std::filesystem::path>& files) {
  SignalParams params;
  params.signals = signals_named(config.strings("signals"));
  params.agents = robots_agents(config.strings("agents"));
  SiteFiles site;
  if (config.has("date")) params.date = site.date = config.string("date");
  site.agents = params.agents;
  std::size_t next = 0;
  if (config.has("robots")) site.robots = files.at(next++);
  if (config.has("tdmrep")) site.tdmrep = files.at(next++);
  return std::make_unique<SignalFilter>(std::move(params), SiteLines(site));
}

}  // namespace cairn::data
