// The server's routes: what each request does. Parsing and answers that need no model are made on the network thread, or by a
// reader where a body is large; chats and completions (generations.h) wait in a bounded queue for the one worker that owns the
// model (answer_queue.h). A client that goes makes room for others.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "app/serve/http.h"
#include "app/serve/metrics.h"
#include "app/serve/served_model.h"

namespace cairn::app {

struct ApiOptions {
  std::set<std::string> key_hashes;             // SHA-256 of accepted keys, hexadecimal; empty = no keys asked for
  int queue = 64;                               // requests that may wait; more get 429
  std::int64_t default_max_tokens = 512;        // of chats that name none, and
  std::int64_t default_completion_tokens = 16;  // of completions; no more than max_tokens
  std::int64_t max_tokens = 0;  // that an answer may be asked to have; more get 400; 0 = as many as the model reads
  std::string allowed_origin;   // CORS; empty = none
};

class Api {
 public:
  Api(ServedModel& model, ApiOptions options);
  ~Api();  // ends the worker: what waits is not answered any more

  void handle(HttpRequest request, const std::shared_ptr<HttpReply>& reply);
  void drain();  // from now on /health says 503 and generation is refused

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string api_error_body(int status, const std::string& message);

}  // namespace cairn::app
