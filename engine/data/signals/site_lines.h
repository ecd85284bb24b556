// What a site's robots.txt and /.well-known/tdmrep.json say of training models, by host: signal lines for an address.
//
// robots.txt: Content-Signal, Content-Usage, DisallowAITraining and AllowAITraining, in the groups of the agents asked for (a
// group of an agent's own before that for all, as RFC 9309 has it; lines before the first group hold for all). A Content-Signal
// or Content-Usage may begin with a path; of those that match, the longest counts, and of equally long ones all. Of
// DisallowAITraining and AllowAITraining the longest path that matches counts, of equally long ones the one that disallows.
// tdmrep.json (W3C TDMRep): a list of {"location", "tdm-reservation", "tdm-policy"}, or one such object, or an object with the
// list under "tdm"; of the rules whose location matches, the longest counts, of equally long ones the strictest. A file that is
// none, or larger than kMaxTdmrepBytes, gives the line "unreadable".
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/data/signals/signals.h"

namespace cairn::data {

inline constexpr std::size_t kMaxTdmrepBytes = 1 << 20;
inline constexpr std::size_t kMaxTdmrepRules = 10'000;

// A line of robots.txt or a rule of tdmrep.json.
struct SiteRule {
  std::string pattern;       // of paths, as robots_match() takes it; empty: all
  std::string name, value;   // "content-usage", "train-ai=n"
  std::uint32_t number = 0;  // of the line, or of the rule, from 1
};

// For each agent those of its groups; equal sets once.
std::vector<std::vector<SiteRule>> robots_signal_rules(std::string_view file, const std::vector<std::string>& agents);
// Error when it is none.
std::vector<SiteRule> tdmrep_rules(std::string_view file, std::string_view name);

struct SiteFiles {
  std::filesystem::path robots, tdmrep;  // collections as for_each_robots_file() takes them; empty: none
  std::vector<std::string> agents;
  std::string date;  // that a folder's files are of; of other collections, the latest that is not later (empty: the latest)
};

class SiteLines {
 public:
  SiteLines() = default;
  explicit SiteLines(const SiteFiles& files);
  // Appends what they say of an address.
  void lines_for(const std::string& url, std::vector<SignalLine>& lines) const;
  std::size_t hosts() const;
  std::size_t unreadable() const;  // tdmrep.json files

 private:
  struct File {
    std::string fetched, source;  // "sha256:..., 2025-01-15"
    std::vector<std::vector<SiteRule>> sets;
    std::string unreadable;  // why
  };
  std::unordered_map<std::string, File> robots_, tdmrep_;
};

}  // namespace cairn::data
