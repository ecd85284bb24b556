#include "engine/data/filters/robots.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/robots/robots_files.h"

namespace cairn::data {

RobotsFilter::RobotsFilter(RobotsParams params, const std::filesystem::path& collection) : params_(std::move(params)) {
  for_each_robots_file(collection, params_.date, [this](const RobotsSnapshot& snapshot) {
    if (!params_.date.empty() && snapshot.fetched.substr(0, params_.date.size()) > params_.date) return;
    const std::string name = params_.reading == RobotsReading::rfc ? lower_case_ascii(snapshot.host) : snapshot.host;
    const auto [known, fresh] = hosts_.try_emplace(name);
    Host& host = known->second;
    if (!fresh && snapshot.fetched < host.fetched) return;
    host.fetched = snapshot.fetched;
    host.status = snapshot.status;
    const bool found = snapshot.status >= 200 && snapshot.status < 300;
    host.rules = found ? RobotsRules(snapshot.body, params_.agents, params_.reading) : RobotsRules();
    host.file = found ? fmt::format("robots.txt sha256:{}", sha256(snapshot.body).hex())
                      : fmt::format("robots.txt answered {}", snapshot.status);
    if (!snapshot.fetched.empty()) host.file += ", " + snapshot.fetched;
  });
}

const RobotsFilter::Host* RobotsFilter::host_of(const std::string& url) const {
  const auto found = hosts_.find(robots_host(url, params_.reading));
  return found == hosts_.end() ? nullptr : &found->second;
}

RobotsDecision RobotsFilter::decide(const std::string& url) const {
  const Host* host = host_of(url);
  return host != nullptr ? host->rules.decide(url) : RobotsDecision();
}

Judgement RobotsFilter::judge_url(const std::string& url) const {
  const Host* host = host_of(url);
  Judgement judgement = keep();
  if (host == nullptr) {
    judgement.evidence = "no robots.txt at hand";
    return judgement;
  }
  if (host->status == 0 || host->status >= 500) {
    if (params_.drop_unreachable) judgement = drop("unreachable", "its host's robots.txt could not be had");
    judgement.evidence = host->file;
    return judgement;
  }
  const RobotsDecision decision = host->rules.decide(url);
  if (!decision.blocked.empty()) {
    std::string agents;
    for (const std::uint16_t agent : decision.blocked) agents += (agents.empty() ? "" : ", ") + params_.agents[agent];
    judgement = drop("disallowed", fmt::format("its host's robots.txt forbids it to {} (line {})", agents, decision.line));
  }
  judgement.evidence = decision.line > 0 ? fmt::format("line {} of {}", decision.line, host->file) : "no rule in " + host->file;
  return judgement;
}

Judgement RobotsFilter::judge(const Document& document, TextAnalysis& analysis) const {
  Judgement judgement = judge_url(document.url);
  if (judgement.rule == "disallowed") {
    analysis.measured(0, 0);
    for (const std::uint16_t agent : decide(document.url).blocked) analysis.measured(0, 1.0 + agent);
  }
  return judgement;
}

std::vector<Statistic> RobotsFilter::statistics() const {
  Statistic agents{0, "agents", "documents forbidden to an agent", Statistic::Scale::named, 0, {}, {"disallowed"}, {"any"}};
  agents.names.insert(agents.names.end(), params_.agents.begin(), params_.agents.end());
  return {agents};
}

Variant RobotsFilter::variant() {
  return {"robots",
          {field("file", string().min(1), "robots.txt files: a folder (names are hosts), JSONL or a web archive"),
           field("agents", list(string().min(1)).min(1).def(Json::array({"apertus-report@1"})),
                 "agents, or NAME@VERSION of a list: apertus-code@1, apertus-report@1"),
           field("reading", string().one_of({"rfc", "protego"}).def("rfc"),
                 "rfc: RFC 9309 as Google reads it; protego: as Apertus' data was filtered"),
           field("date", string().def(nullptr), "that a folder's files are of; of others, take the latest not later"),
           field("unreachable", string().one_of({"allow", "drop"}).def("allow"), "hosts that answered 5xx or not at all")},
          "drop documents that their host's robots.txt forbids to one of the agents"};
}

std::unique_ptr<Filter> RobotsFilter::make(const Config& config, const std::vector<std::filesystem::path>& files) {
  RobotsParams params;
  params.agents = robots_agents(config.strings("agents"));
  params.reading = config.string("reading") == "rfc" ? RobotsReading::rfc : RobotsReading::protego;
  if (config.has("date")) params.date = config.string("date");
  params.drop_unreachable = config.string("unreachable") == "drop";
  return std::make_unique<RobotsFilter>(std::move(params), files.at(0));
}

}  // namespace cairn::data
