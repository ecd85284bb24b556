#include "app/serve/metrics.h"

#include <algorithm>

#include <fmt/core.h>

namespace cairn::app {

void Histogram::add(double value) {
  const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  ++counts_[static_cast<std::size_t>(bound - bounds_.begin())];
  sum_ += value;
  ++count_;
}

std::string Histogram::render(const std::string& name, const std::string& labels) const {
  std::string out;
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    so_far += counts_[i];
    out += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, bounds_[i], so_far);
  }
  return out +
         fmt::format("{0}_bucket{{{1},le=\"+Inf\"}} {2}\n{0}_sum{{{1}}} {3}\n{0}_count{{{1}}} {2}\n", name, labels, count_, sum_);
}

ServerMetrics::ServerMetrics(std::string model)
    : model_(std::move(model)),
      first_token_({.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 15, 20, 25, 30, 60, 120}),
      between_tokens_({.005, .01, .015, .02, .025, .03, .04, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5}),
      whole_({.3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960}),
      queued_({.3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960}) {}

void ServerMetrics::request(const std::string& route, int status) {
  const std::lock_guard lock(mutex_);
  ++requests_[{route, status}];
}
void ServerMetrics::waiting(int change) {
  const std::lock_guard lock(mutex_);
  waiting_ += change;
}
void ServerMetrics::running(int change) {
  const std::lock_guard lock(mutex_);
  running_ += change;
}
void ServerMetrics::cache(std::int64_t used, std::int64_t pages) {
  const std::lock_guard lock(mutex_);
  used_pages_ = used;
  pages_ = pages;
}
void ServerMetrics::rejected(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  ++rejected_[reason];
}

void ServerMetrics::generation(std::int64_t prompt_tokens, std::int64_t generated_tokens, const std::string& finish,
                               double queued, double first_token, double total) {
  const std::lock_guard lock(mutex_);
  prompt_tokens_ += static_cast<std::uint64_t>(prompt_tokens);
  generated_tokens_ += static_cast<std::uint64_t>(generated_tokens);
  ++finished_[finish];
  queued_.add(queued);
  whole_.add(total);
  if (generated_tokens > 0) first_token_.add(first_token);
  if (generated_tokens > 1) between_tokens_.add((total - first_token) / static_cast<double>(generated_tokens - 1));
}

std::string ServerMetrics::render() const {
  const std::lock_guard lock(mutex_);
  const std::string model = fmt::format("model_name=\"{}\"", model_);
  std::string out;
  const auto type = [&](const std::string& name, const char* kind) { out += fmt::format("# TYPE {} {}\n", name, kind); };
  const auto one = [&](const std::string& name, const char* kind, auto value) {
    type(name, kind);
    out += fmt::format("{}{{{}}} {}\n", name, model, value);
  };
  type("http_requests_total", "counter");
  for (const auto& [key, count] : requests_)
    out += fmt::format("http_requests_total{{handler=\"{}\",status=\"{}\"}} {}\n", key.first, key.second, count);
  type("cairn_admission_rejected_total", "counter");
  for (const auto& [reason, count] : rejected_)
    out += fmt::format("cairn_admission_rejected_total{{{},reason=\"{}\"}} {}\n", model, reason, count);
  for (const std::string prefix : {"cairn_", "vllm:"}) {
    one(prefix + "num_requests_running", "gauge", running_);
    one(prefix + "num_requests_waiting", "gauge", waiting_);
    one(prefix + "kv_cache_usage_perc", "gauge", static_cast<double>(used_pages_) / static_cast<double>(pages_));
    one(prefix + "prompt_tokens_total", "counter", prompt_tokens_);
    one(prefix + "generation_tokens_total", "counter", generated_tokens_);
    type(prefix + "request_success_total", "counter");
    for (const auto& [reason, count] : finished_)
      out += fmt::format("{}request_success_total{{{},finished_reason=\"{}\"}} {}\n", prefix, model, reason, count);
    const auto histogram = [&](const char* name, const Histogram& values) {
      type(prefix + name, "histogram");
      out += values.render(prefix + name, model);
    };
    histogram("time_to_first_token_seconds", first_token_);
    histogram("inter_token_latency_seconds", between_tokens_);
    histogram("e2e_request_latency_seconds", whole_);
    histogram("request_queue_time_seconds", queued_);
  }
  return out;
}

}  // namespace cairn::app
