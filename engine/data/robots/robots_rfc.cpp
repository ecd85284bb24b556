// robots.txt by RFC 9309, in the places that it leaves open as Google's matcher (spec/data.md §2.8).
#include <algorithm>

#include "engine/data/characters.h"
#include "engine/data/robots/robots.h"
#include "engine/data/robots/robots_lines.h"

namespace cairn::data {

namespace {

enum class Key { user_agent, allow, disallow, other };

Key key_of(std::string_view text) {
  const std::string key = lower_case_ascii(text.substr(0, 16));
  const auto begins = [&key](std::initializer_list<std::string_view> names) {
    return std::any_of(names.begin(), names.end(), [&key](std::string_view name) { return key.starts_with(name); });
  };
  if (begins({"user-agent", "useragent", "user agent"})) return Key::user_agent;
  if (begins({"allow"})) return Key::allow;
  if (begins({"disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"})) return Key::disallow;
  return Key::other;
}

}  // namespace

std::vector<std::vector<RobotsRule>> rfc_rules(std::string_view file, std::span<const std::string> agents) {
  std::vector<std::string> tokens;  // of the agents; "*" has none and takes what is for all
  for (const std::string& agent : agents) tokens.push_back(lower_case_ascii(robots_product_token(agent)));
  std::vector<std::vector<RobotsRule>> specific(agents.size());
  std::vector<RobotsRule> global;
  std::vector<bool> named(agents.size(), false);     // has a group of its own somewhere, even an empty one
  std::vector<bool> in_group(agents.size(), false);  // is named by the group at hand
  bool global_group = false, header = true;
  for_each_robots_line(file, [&](std::string_view line, std::uint32_t number) {
    std::string_view key, value;
    if (!split_robots_line(line, key, value)) return;
    const Key kind = key_of(key);
    if (kind == Key::user_agent) {
      if (!header) {
        std::fill(in_group.begin(), in_group.end(), false);
        global_group = false;
        header = true;
      }
      if (value == "*" || value.starts_with("* ") || value.starts_with("*\t")) {
        global_group = true;
        return;
      }
      const std::string token = lower_case_ascii(robots_product_token(value));
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (tokens[i].empty() || tokens[i] != token) continue;
        named[i] = in_group[i] = true;
      }
      return;
    }
    if (kind == Key::other) return;
    const bool any = global_group || std::find(in_group.begin(), in_group.end(), true) != in_group.end();
    if (!any) return;
    header = false;
    if (value.empty()) return;  // a rule of length 0, which no decision counts
    std::vector<RobotsRule> rules;
    RobotsRule rule{escaped_robots_pattern(value), number, 0, kind == Key::allow};
    rule.priority = static_cast<std::uint32_t>(rule.pattern.size());
    rules.push_back(rule);
    // An index page that is allowed allows its folder.
    const std::size_t slash = rule.pattern.rfind('/');
    if (rule.allow && slash != std::string::npos && std::string_view(rule.pattern).substr(slash).starts_with("/index.htm")) {
      rule.pattern = rule.pattern.substr(0, slash + 1) + "$";
      rule.priority = static_cast<std::uint32_t>(rule.pattern.size());
      rules.push_back(rule);
    }
    for (const RobotsRule& each : rules) {
      if (global_group) global.push_back(each);
      for (std::size_t i = 0; i < agents.size(); ++i) {
        if (in_group[i]) specific[i].push_back(each);
      }
    }
  });
  for (std::size_t i = 0; i < agents.size(); ++i) {
    if (!named[i]) specific[i] = global;
    // The longest pattern wins, of equal ones the one that allows.
    std::stable_sort(specific[i].begin(), specific[i].end(), [](const RobotsRule& a, const RobotsRule& b) {
      return a.priority != b.priority ? a.priority > b.priority : a.allow > b.allow;
    });
  }
  return specific;
}

}  // namespace cairn::data
