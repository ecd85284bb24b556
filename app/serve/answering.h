// One request on its way to its answer: what every route, and every thread that answers, does with it.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <string>

#include "app/serve/http.h"
#include "app/serve/metrics.h"
#include "base/json_fwd.h"

namespace cairn::app {

// A value: copies answer the same request. `metrics` must outlive them.
class Answering {
 public:
  // `headers` go with every answer. `route` is its label in the metrics.
  Answering(ServerMetrics& metrics, std::shared_ptr<HttpReply> reply, std::string route, HttpHeaders headers);

  void finish(int status, std::string body, const std::string& type = "application/json") const;
  void finish(const Json& body) const;  // 200
  // What `work` throws becomes the answer: an ApiError itself, a usage error a 400, others a 500 that says nothing of them.
  void guarded(const std::function<void()>& work) const;

  // A stream of server-sent events: its headers, one or several events, and the end of one that is complete.
  void begin_events() const;
  void events(std::string text) const;
  void end_events() const;

  // The answer is this error: a 500 or, once a stream has begun, an event that is its last, without [DONE]. Throws nothing.
  void failed(const std::exception_ptr& error, bool events_begun) const;

  bool client_gone() const { return reply_->client_gone(); }
  double seconds() const;  // since it came

 private:
  ServerMetrics& metrics_;
  std::shared_ptr<HttpReply> reply_;
  std::string route_;
  HttpHeaders headers_;
  std::chrono::steady_clock::time_point arrived_ = std::chrono::steady_clock::now();
};

}  // namespace cairn::app
