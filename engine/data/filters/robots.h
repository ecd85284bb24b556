// robots: drops documents that the robots.txt of their host forbids to one of a list of agents, whenever they were fetched.
//
// A host without a file, a file that was not found (status 4xx) and a document without a host are free. The evidence names the
// file's SHA-256, its date and the line that decided, for kept documents too.
#pragma once

#include <filesystem>
#include <memory>
#include <unordered_map>

#include "engine/data/filters/filter.h"
#include "engine/data/robots/robots.h"

namespace cairn::data {

struct RobotsParams {
  std::vector<std::string> agents;  // as robots_agents() makes them
  RobotsReading reading = RobotsReading::rfc;
  std::string date;  // that a folder's files are of; of other collections, the latest that is not later (empty: the latest)
  bool drop_unreachable = false;  // a host that answered 5xx or not at all
};

class RobotsFilter : public Filter {
 public:
  RobotsFilter(RobotsParams params, const std::filesystem::path& collection);
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;
  std::vector<Statistic> statistics() const override;

  std::size_t hosts() const { return hosts_.size(); }
  const RobotsParams& params() const { return params_; }
  // The same for an address alone.
  Judgement judge_url(const std::string& url) const;
  RobotsDecision decide(const std::string& url) const;

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config, const std::vector<std::filesystem::path>& files);

 private:
  struct Host {
    RobotsRules rules;
    std::string file;  // "robots.txt sha256:..., 2025-01-15"
    std::string fetched;
    int status = 200;
  };
  const Host* host_of(const std::string& url) const;

  RobotsParams params_;
  std::unordered_map<std::string, Host> hosts_;
};

}  // namespace cairn::data
