// Counters of a server in Prometheus' text format (0.0.4), under our own names and under those of vLLM that dashboards know. Any
// thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace cairn::app {

class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1, 0) {}
  void add(double value);
  std::string render(const std::string& name, const std::string& labels) const;  // without TYPE line

 private:
  std::vector<double> bounds_;
  std::vector<std::uint64_t> counts_;  // per bound, not cumulated; the last is +Inf
  double sum_ = 0;
  std::uint64_t count_ = 0;
};

class ServerMetrics {
 public:
  explicit ServerMetrics(std::string model);

  void request(const std::string& route, int status);  // an answer left
  void waiting(int change);
  void running(int change);
  void cache(std::int64_t used, std::int64_t pages);  // pages of keys and values that are in use
  void rejected(const std::string& reason);
  // One finished generation; times in seconds.
  void generation(std::int64_t prompt_tokens, std::int64_t generated_tokens, const std::string& finish, double queued,
                  double first_token, double total);
  std::string render() const;

 private:
  mutable std::mutex mutex_;
  std::string model_;
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;
  std::map<std::string, std::uint64_t> rejected_, finished_;
  std::int64_t waiting_ = 0, running_ = 0, used_pages_ = 0, pages_ = 1;
  std::uint64_t prompt_tokens_ = 0, generated_tokens_ = 0;
  Histogram first_token_, between_tokens_, whole_, queued_;
};

}  // namespace cairn::app
