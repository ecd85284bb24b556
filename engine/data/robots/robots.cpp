#include "engine/data/robots/robots.h"

#include <algorithm>

#include "base/embedded.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/data/characters.h"

namespace cairn::data {

const std::vector<EmbeddedFile>& embedded_files();  // assets/robots

namespace {

std::string rfc_path(std::string_view url) {
  std::size_t host = url.starts_with("//") ? 2 : 0;
  const std::size_t scheme = url.find("://", host);
  if (scheme < url.find_first_of("/?;", host)) host = scheme + 3;
  const std::size_t start = url.find_first_of("/?;", host);
  const std::size_t hash = std::min(url.find('#'), url.size());
  if (start == std::string_view::npos || hash < start) return "/";
  const std::string path(url.substr(start, hash - start));
  return path.starts_with('/') ? path : "/" + path;
}

}  // namespace

bool robots_match(std::string_view pattern, std::string_view path) {
  const bool ends = pattern.ends_with('$');
  if (ends) pattern.remove_suffix(1);
  std::size_t star = pattern.find('*');
  const std::string_view first = pattern.substr(0, star);
  if (!path.starts_with(first)) return false;
  if (star == std::string_view::npos) return !ends || path.size() == first.size();
  // Between stars each part may stand at its first place; the last one, when it is to end the path, at its last.
  std::size_t at = first.size();
  for (;;) {
    pattern.remove_prefix(star + 1);
    star = pattern.find('*');
    const std::string_view part = pattern.substr(0, star);
    if (star == std::string_view::npos && ends) return path.size() - at >= part.size() && path.ends_with(part);
    const std::size_t found = path.find(part, at);
    if (found == std::string_view::npos) return false;
    at = found + part.size();
    if (star == std::string_view::npos) return true;
  }
}

std::optional<std::string> robots_path(std::string_view url, RobotsReading reading) {
  if (reading == RobotsReading::protego) return protego_path(url);
  return rfc_path(url);
}

std::string robots_host(std::string_view url, RobotsReading reading) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  std::string_view host = url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (reading == RobotsReading::protego) return std::string(host);
  if (const std::size_t at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  return lower_case_ascii(host);
}

RobotsRules::RobotsRules(std::string_view file, std::span<const std::string> agents, RobotsReading reading) : reading_(reading) {
  std::vector<std::vector<RobotsRule>> rules = reading == RobotsReading::rfc
                                                   ? rfc_rules(file.substr(0, kMaxRobotsBytes), agents)
                                                   : protego_rules(file.substr(0, kMaxProtegoBytes), agents);
  const auto same = [](const RobotsRule& a, const RobotsRule& b) {
    return a.line == b.line && a.pattern == b.pattern && a.allow == b.allow;
  };
  for (std::vector<RobotsRule>& set : rules) {
    if (set.empty()) {
      set_of_agent_.push_back(-1);
      continue;
    }
    std::size_t known = 0;
    while (known < sets_.size() && !std::equal(sets_[known].begin(), sets_[known].end(), set.begin(), set.end(), same)) ++known;
    if (known == sets_.size()) sets_.push_back(std::move(set));
    set_of_agent_.push_back(static_cast<int>(known));
  }
}

namespace {

RobotsRules::Verdict first_match(const std::vector<RobotsRule>& rules, std::string_view path) {
  for (const RobotsRule& rule : rules) {
    if (robots_match(rule.pattern, path)) return {rule.allow, rule.line};
  }
  return {};
}

}  // namespace

RobotsRules::Verdict RobotsRules::decide_path(std::string_view path, std::size_t agent) const {
  if (agent >= set_of_agent_.size() || set_of_agent_[agent] < 0) return {};
  return first_match(sets_[static_cast<std::size_t>(set_of_agent_[agent])], path);
}

RobotsDecision RobotsRules::decide(std::string_view url) const {
  RobotsDecision decision;
  if (sets_.empty()) return decision;
  const std::optional<std::string> path = robots_path(url, reading_);
  if (!path) return decision;
  std::vector<Verdict> of_set;
  of_set.reserve(sets_.size());
  for (const std::vector<RobotsRule>& set : sets_) of_set.push_back(first_match(set, *path));
  for (std::size_t agent = 0; agent < set_of_agent_.size(); ++agent) {
    if (set_of_agent_[agent] < 0) continue;
    const Verdict& verdict = of_set[static_cast<std::size_t>(set_of_agent_[agent])];
    if (verdict.allowed) {
      if (decision.blocked.empty() && decision.line == 0) decision.line = verdict.line;
      continue;
    }
    if (decision.blocked.empty()) decision.line = verdict.line;
    decision.blocked.push_back(static_cast<std::uint16_t>(agent));
  }
  return decision;
}

std::vector<std::string> robots_agents(const std::vector<std::string>& names) {
  std::vector<std::string> agents;
  for (const std::string& name : names) {
    std::vector<std::string> found{name};
    if (name.find('@') != std::string::npos) {
      std::string known;
      found.clear();
      for (const EmbeddedFile& file : embedded_files()) {
        if (file.name != "agents.json") continue;
        const Json lists = parse_json(file.text, file.name)["lists"];
        for (const auto& [list, entry] : lists.items()) {
          known += (known.empty() ? "" : ", ") + list;
          if (list == name) found = entry.at("agents").get<std::vector<std::string>>();
        }
      }
      if (found.empty()) fail_usage("unknown list of agents '{}'; known: {}", name, known);
    }
    for (std::string& agent : found) {
      if (std::find(agents.begin(), agents.end(), agent) == agents.end()) agents.push_back(std::move(agent));
    }
  }
  return agents;
}

}  // namespace cairn::data
