// robots.txt: who may fetch what.
//
// Two readings. `rfc`: RFC 9309 as Google's matcher reads it (spec/data.md §2.8). `protego`: as Protego 0.4, with which Apertus'
// data was filtered, on Python 3.11: the group whose token is the longest substring of the agent's name, other escaping, other
// length of patterns; checked against it (tests/golden/robots). Any bytes will do; what is no rule is passed over.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::data {

enum class RobotsReading { rfc, protego };

// What is read of a file at most: RFC 9309 asks for 500 KiB at least, and Google reads as much; Protego reads all.
inline constexpr std::size_t kMaxRobotsBytes = 500 << 10;
inline constexpr std::size_t kMaxProtegoBytes = 16 << 20;

struct RobotsRule {
  std::string pattern;     // in the form that paths are matched in
  std::uint32_t line = 0;  // in the file, from 1
  std::uint32_t priority = 0;
  bool allow = false;
};

// Whether `path` begins with `pattern`: '*' stands for anything, '$' at the end for the end. Time is at most their product.
bool robots_match(std::string_view pattern, std::string_view path);

// What a URL's rules are matched against. rfc: path and query, from the first of / ? ; behind the authority, without fragment.
// protego: none where it would fail, which means that all is allowed.
std::optional<std::string> robots_path(std::string_view url, RobotsReading reading);

// The host that a URL's robots.txt is found by: with its port if that is given; in lower case for rfc, exact for protego. Empty
// when there is none.
std::string robots_host(std::string_view url, RobotsReading reading);

struct RobotsDecision {
  std::vector<std::uint16_t> blocked;  // the agents that may not fetch it, as positions in the list, ascending
  std::uint32_t line = 0;              // of the rule that decided for the first of them, else for the first agent; 0: no rule
};

// One file's rules for a list of agents. Holds no reference to the file or the list; any thread may ask.
class RobotsRules {
 public:
  RobotsRules() = default;  // no rules: all is allowed
  RobotsRules(std::string_view file, std::span<const std::string> agents, RobotsReading reading);

  RobotsDecision decide(std::string_view url) const;
  // For one path as robots_path() makes it; the line that decided, and whether it allows.
  struct Verdict {
    bool allowed = true;
    std::uint32_t line = 0;
  };
  Verdict decide_path(std::string_view path, std::size_t agent) const;
  RobotsReading reading() const { return reading_; }

 private:
  RobotsReading reading_ = RobotsReading::rfc;
  std::vector<std::vector<RobotsRule>> sets_;  // distinct ones, each from the rule that comes first to the last
  std::vector<int> set_of_agent_;              // -1: none
};

// Agents of a list in which "NAME@VERSION" stands for a list of assets/robots/agents.json. Error (usage) for one unknown.
std::vector<std::string> robots_agents(const std::vector<std::string>& names);

// Private to the two readings: each agent's rules, in the order in which they are tried.
std::vector<std::vector<RobotsRule>> rfc_rules(std::string_view file, std::span<const std::string> agents);
std::vector<std::vector<RobotsRule>> protego_rules(std::string_view file, std::span<const std::string> agents);
std::optional<std::string> protego_path(std::string_view url);

}  // namespace cairn::data
