#include "engine/data/signals/site_lines.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/robots/robots.h"
#include "engine/data/robots/robots_files.h"
#include "engine/data/robots/robots_lines.h"
#include "engine/data/signals/page_lines.h"

namespace cairn::data {

namespace {

constexpr std::string_view kTraining[] = {"disallowaitraining", "allowaitraining"};

bool is_training(std::string_view name) {
  return name == kTraining[0] || name == kTraining[1];
}

// "/path train-ai=n": the path taken from the value; empty when there is none.
std::string_view take_path(std::string_view& value) {
  if (!value.starts_with('/')) return {};
  const std::size_t end = std::min(value.find_first_of(" \t"), value.size());
  const std::string_view path = value.substr(0, end);
  value = strip(value.substr(end));
  return path;
}

bool same(const std::vector<SiteRule>& a, const std::vector<SiteRule>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const SiteRule& x, const SiteRule& y) { return x.number == y.number; });
}

// The rules of one name that count for a path: of those that match, the longest. What is said twice is said once, and of one path
// no file has more to say than a page may.
std::vector<const SiteRule*> nearest(const std::vector<SiteRule>& rules, std::string_view path,
                                     bool (*wanted)(std::string_view)) {
  std::vector<const SiteRule*> found;
  for (const SiteRule& rule : rules) {
    if (!wanted(rule.name) || (!rule.pattern.empty() && !robots_match(rule.pattern, path))) continue;
    if (!found.empty() && found.front()->pattern.size() > rule.pattern.size()) continue;
    if (!found.empty() && found.front()->pattern.size() < rule.pattern.size()) found.clear();
    const bool known = std::any_of(found.begin(), found.end(), [&rule](const SiteRule* other) {
      return other->name == rule.name && other->value == rule.value;
    });
    if (!known && found.size() < kMostLines) found.push_back(&rule);
  }
  return found;
}

}  // namespace

std::vector<std::vector<SiteRule>> robots_signal_rules(std::string_view file, const std::vector<std::string>& agents) {
  std::vector<std::string> tokens;
  for (const std::string& agent : agents) tokens.push_back(lower_case_ascii(robots_product_token(agent)));
  std::vector<std::vector<SiteRule>> own(agents.size());
  std::vector<SiteRule> global, all;
  std::vector<bool> named(agents.size(), false), in_group(agents.size(), false);
  bool global_group = false, header = true, before_groups = true;
  for_each_robots_line(file.substr(0, kMaxRobotsBytes), [&](std::string_view line, std::uint32_t number) {
    std::string_view key, value;
    if (!split_robots_line(line, key, value)) return;
    const std::string name = lower_case_ascii(key.substr(0, 32));
    if (name == "user-agent" || name == "useragent" || name == "user agent") {
      if (!header) {
        std::fill(in_group.begin(), in_group.end(), false);
        global_group = false;
        header = true;
      }
      before_groups = false;
      if (value == "*" || value.starts_with("* ") || value.starts_with("*\t")) {
        global_group = true;
        return;
      }
      const std::string token = lower_case_ascii(robots_product_token(value));
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (!tokens[i].empty() && tokens[i] == token) named[i] = in_group[i] = true;
      }
      return;
    }
    const bool signal = is_training(name) || name == "content-signal" || name == "content-usage";
    if (name == "allow" || name == "disallow" || signal) header = false;
    if (!signal) return;
    SiteRule rule{{}, name, {}, number};
    if (is_training(name)) {
      if (value.empty()) return;  // a rule of length 0, which no decision counts
      rule.pattern = escaped_robots_pattern(value);
      rule.value = kept_value(value);
    } else {
      rule.pattern = escaped_robots_pattern(take_path(value));
      rule.value = kept_value(value);
    }
    if (before_groups) all.push_back(rule);
    if (global_group) global.push_back(rule);
    for (std::size_t i = 0; i < agents.size(); ++i) {
      if (in_group[i]) own[i].push_back(rule);
    }
  });
  std::vector<std::vector<SiteRule>> sets;
  for (std::size_t i = 0; i < agents.size(); ++i) {
    std::vector<SiteRule> set = all;
    const std::vector<SiteRule>& more = named[i] ? own[i] : global;
    set.insert(set.end(), more.begin(), more.end());
    if (!set.empty() && std::none_of(sets.begin(), sets.end(), [&set](const auto& known) { return same(known, set); }))
      sets.push_back(std::move(set));
  }
  return sets;
}

std::vector<SiteRule> tdmrep_rules(std::string_view file, std::string_view name) {
  if (file.size() > kMaxTdmrepBytes) fail("{}: larger than {} bytes", name, kMaxTdmrepBytes);
  if (file.starts_with("\xef\xbb\xbf")) file.remove_prefix(3);
  Json json = parse_json(file, name);
  if (json.is_object() && json.contains("tdm")) json = Json(json["tdm"]);
  if (json.is_object()) json = Json::array({json});
  if (!json.is_array()) fail("{}: expected a list of rules", name);
  if (json.size() > kMaxTdmrepRules) fail("{}: {} rules, at most {}", name, json.size(), kMaxTdmrepRules);
  std::vector<SiteRule> rules;
  for (const Json& entry : json) {
    const auto number = static_cast<std::uint32_t>(&entry - &json[0]) + 1;
    if (!entry.is_object() || !entry.contains("tdm-reservation"))
      fail("{}: rule {}: expected an object with \"tdm-reservation\"", name, number);
    const Json& reservation = entry["tdm-reservation"];
    SiteRule rule{"/", "tdm-reservation", {}, number};
    if (reservation.is_number_integer() || reservation.is_boolean())
      rule.value =
          reservation.is_boolean() ? (reservation.get<bool>() ? "1" : "0") : fmt::format("{}", reservation.get<std::int64_t>());
    else if (reservation.is_string())
      rule.value = kept_value(reservation.get_ref<const std::string&>());
    else
      fail("{}: rule {}: expected 0 or 1 in \"tdm-reservation\"", name, number);
    if (entry.contains("location")) {
      if (!entry["location"].is_string()) fail("{}: rule {}: expected a string in \"location\"", name, number);
      rule.pattern = entry["location"].get<std::string>();
      if (!rule.pattern.starts_with('/') && !rule.pattern.starts_with('*')) rule.pattern.insert(0, "/");
      rule.pattern = escaped_robots_pattern(rule.pattern);
    }
    if (entry.contains("tdm-policy") && entry["tdm-policy"].is_string())
      rule.value += " (policy " + kept_value(entry["tdm-policy"].get_ref<const std::string&>()) + ")";
    rules.push_back(std::move(rule));
  }
  return rules;
}

SiteLines::SiteLines(const SiteFiles& files) {
  const auto take = [&files](std::unordered_map<std::string, File>& hosts, const RobotsSnapshot& snapshot, auto&& read) {
    if (!files.date.empty() && snapshot.fetched.substr(0, files.date.size()) > files.date) return;
    const auto [known, fresh] = hosts.try_emplace(lower_case_ascii(snapshot.host));
    File& file = known->second;
    if (!fresh && snapshot.fetched < file.fetched) return;
    file = {snapshot.fetched,
            fmt::format("sha256:{}{}{}", sha256(snapshot.body).hex(), snapshot.fetched.empty() ? "" : ", ", snapshot.fetched),
            {},
            {}};
    if (snapshot.status >= 200 && snapshot.status < 300) read(file, snapshot.body);
  };
  if (!files.robots.empty()) {
    for_each_robots_file(files.robots, files.date, [&](const RobotsSnapshot& snapshot) {
      take(robots_, snapshot,
           [&files](File& file, std::string_view body) { file.sets = robots_signal_rules(body, files.agents); });
    });
  }
  if (!files.tdmrep.empty()) {
    for_each_robots_file(
        files.tdmrep, files.date,
        [&](const RobotsSnapshot& snapshot) {
          take(tdmrep_, snapshot, [](File& file, std::string_view body) {
            try {
              file.sets.push_back(tdmrep_rules(body, "tdmrep.json"));
            } catch (const Error& error) {
              file.unreadable = kept_value(error.what());
            }
          });
        },
        "/.well-known/tdmrep.json");
  }
}

void SiteLines::lines_for(const std::string& url, std::vector<SignalLine>& lines) const {
  if (robots_.empty() && tdmrep_.empty()) return;
  const std::string host = robots_host(url, RobotsReading::rfc);
  const std::optional<std::string> path = robots_path(url, RobotsReading::rfc);
  if (host.empty() || !path) return;
  const auto add = [&lines](SignalPlace place, const char* what, const File& file, const SiteRule& rule) {
    SignalLine line{place, fmt::format("{} {} of {}", what, rule.number, file.source), rule.name, rule.value};
    const bool known = std::any_of(lines.begin(), lines.end(), [&line](const SignalLine& other) {
      return other.place == line.place && other.where == line.where;
    });
    if (!known) lines.push_back(std::move(line));
  };
  if (const auto found = robots_.find(host); found != robots_.end()) {
    for (const std::vector<SiteRule>& set : found->second.sets) {
      for (const SiteRule* rule : nearest(set, *path, [](std::string_view name) { return name == "content-signal"; }))
        add(SignalPlace::robots_txt, "line", found->second, *rule);
      for (const SiteRule* rule : nearest(set, *path, [](std::string_view name) { return name == "content-usage"; }))
        add(SignalPlace::robots_txt, "line", found->second, *rule);
      const std::vector<const SiteRule*> training = nearest(set, *path, is_training);
      const auto disallows =
          std::find_if(training.begin(), training.end(), [](const SiteRule* rule) { return rule->name == kTraining[0]; });
      if (!training.empty())
        add(SignalPlace::robots_txt, "line", found->second, disallows == training.end() ? *training.front() : **disallows);
    }
  }
  if (const auto found = tdmrep_.find(host); found != tdmrep_.end()) {
    const File& file = found->second;
    if (!file.unreadable.empty()) lines.push_back({SignalPlace::tdmrep, file.source, "unreadable", file.unreadable});
    for (const std::vector<SiteRule>& set : file.sets) {
      // All of the longest ones: where they contradict one another, whoever reads them takes the strictest.
      for (const SiteRule* rule : nearest(set, *path, [](std::string_view) { return true; }))
        add(SignalPlace::tdmrep, "rule", file, *rule);
    }
  }
}

std::size_t SiteLines::hosts() const {
  std::size_t hosts = robots_.size();
  for (const auto& [host, file] : tdmrep_) hosts += !robots_.contains(host);
  return hosts;
}

std::size_t SiteLines::unreadable() const {
  return static_cast<std::size_t>(
      std::count_if(tdmrep_.begin(), tdmrep_.end(), [](const auto& entry) { return !entry.second.unreadable.empty(); }));
}

}  // namespace cairn::data
