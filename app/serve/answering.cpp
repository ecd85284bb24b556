#include "app/serve/answering.h"

#include <utility>

#include "app/serve/openai.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"

namespace cairn::app {

Answering::Answering(ServerMetrics& metrics, std::shared_ptr<HttpReply> reply, std::string route, HttpHeaders headers)
    : metrics_(metrics), reply_(std::move(reply)), route_(std::move(route)), headers_(std::move(headers)) {}

void Answering::finish(int status, std::string body, const std::string& type) const {
  HttpHeaders headers = headers_;
  headers["content-type"] = type;
  if (status == 429 || status == 503) headers["retry-after"] = "1";
  metrics_.request(route_, status);
  reply_->send(status, headers, std::move(body));
}

void Answering::finish(const Json& body) const {
  finish(200, body.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void Answering::guarded(const std::function<void()>& work) const {
  try {
    work();
  } catch (const ApiError& error) {
    finish(error.status(), error.body());
  } catch (const Error& error) {
    const int status = error.code() == ExitCode::usage ? 400 : 500;
    finish(status, ApiError(status, error.what()).body());
  } catch (const std::exception& error) {
    log_warning(fmt::format("{}: {}", route_, error.what()));
    finish(500, ApiError(500, "internal error", "", "internal_error").body());
  }
}

void Answering::begin_events() const {
  HttpHeaders headers = headers_;
  headers["content-type"] = "text/event-stream; charset=utf-8";
  headers["cache-control"] = "no-cache";
  headers["x-accel-buffering"] = "no";
  metrics_.request(route_, 200);
  reply_->begin_stream(200, headers);
}

void Answering::events(std::string text) const {
  reply_->write(std::move(text));
}

void Answering::end_events() const {
  reply_->write("data: [DONE]\n\n");
  reply_->end();
}

void Answering::failed(const std::exception_ptr& error, bool events_begun) const {
  const auto tell = [&](const char* what) {
    log_warning(fmt::format("{}: {}", route_, what));
    const ApiError answer(500, what, "", "internal_error");
    if (!events_begun) return finish(answer.status(), answer.body());
    reply_->write("data: " + answer.body() + "\n\n");
    reply_->end();
  };
  try {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& failure) {
      tell(failure.what());
    } catch (...) {
      tell("unknown error");
    }
  } catch (const std::exception& failure) {  // whoever waits for the answer is cut off when the last copy goes
    log_warning(fmt::format("{}: an error could not be told: {}", route_, failure.what()));
  }
}

double Answering::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - arrived_).count();
}

}  // namespace cairn::app
