// HTTP/1.1 as the rest of the program sees it: a request, a way to answer now or piece by piece, and a server on Boost.Beast
// behind both.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/stop.h"

namespace cairn::app {

struct HttpRequest {
  std::string method;                          // "GET"
  std::string path;                            // decoded, without query: "/v1/models/base"
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

using HttpHeaders = std::map<std::string, std::string>;

// One request's answer. Every function may be called from any thread, also when the server has gone; what is sent after the
// client has gone is dropped.
class HttpReply {
 public:
  virtual ~HttpReply() = default;
  virtual void send(int status, const HttpHeaders& headers,
                    std::string body) = 0;                                // the whole answer; "content-type" among the headers
  virtual void begin_stream(int status, const HttpHeaders& headers) = 0;  // chunked; then write()... and end()
  virtual void write(std::string piece) = 0;
  virtual void end() = 0;
  virtual bool client_gone() const = 0;
};

struct HttpLimits {
  std::uint64_t body_bytes = 32u << 20;       // above: 413
  std::uint64_t all_body_bytes = 512u << 20;  // of all requests that are read or answered; above: 503
  std::uint32_t header_bytes = 64u << 10;     // above: 431
  std::uint64_t unsent_bytes = 16u << 20;     // of a stream that its client does not read; above: closed
  int connections = 256;                      // above: 503 and closed
  int read_seconds = 30;                      // for a whole request, once it has begun (408); and for a write that does not move
  int idle_seconds = 75;                      // between requests
};

// Called on the network thread: must not block. Exceptions become a 500 without details.
using HttpHandler = std::function<void(HttpRequest, std::shared_ptr<HttpReply>)>;
// Errors that the server answers itself (malformed, too large, too many) get their body from here.
using HttpErrorBody = std::function<std::string(int status, const std::string& message)>;

class HttpServer {
 public:
  // Binds at once; port 0 takes a free one. Error naming address and port when it cannot.
  HttpServer(const std::string& address, std::uint16_t port, HttpLimits limits, HttpHandler handler, HttpErrorBody error_body);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;
  // Serves until a stop is requested: then takes no new connections, lets running answers end for at most `drain_seconds`, and
  // returns.
  void run(const StopToken& stop, int drain_seconds);

 private:
  std::shared_ptr<struct HttpServerState> state_;
};

}  // namespace cairn::app
