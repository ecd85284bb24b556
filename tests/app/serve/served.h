// A server of the golden model on loopback, and clients of it that see every byte.
#pragma once

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "app/serve/api.h"
#include "base/json.h"
#include "tests/support/test.h"

namespace cairn::test {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace cairn::app;

// The golden model served until the end of the scope.
class Served {
 public:
  explicit Served(const std::filesystem::path& shared, ApiOptions options = {}, HttpLimits limits = {},
                  infer::BatchLimits batch = {.max_length = 128, .sequences = 4}, int drain_seconds = 2)
      : model_(shared / "data/golden/apertus_tiny", "tiny", "", batch, pool_),
        api_(model_, std::move(options)),
        server_(
            "127.0.0.1", 0, limits,
            [this](const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) { api_.handle(request, reply); },
            api_error_body),
        running_(std::async(std::launch::async, [this, drain_seconds] { server_.run(stop_, drain_seconds); })) {}
  ~Served() {
    stop_.request_stop();
    running_.get();
  }
  std::uint16_t port() const { return server_.port(); }
  ServedModel& model() { return model_; }
  void stop() { stop_.request_stop(); }

 private:
  ThreadPool pool_{1};
  ServedModel model_;
  Api api_;
  HttpServer server_;
  StopToken stop_;
  std::future<void> running_;
};

// Sends bytes, reads until the server closes.
inline std::string exchange(std::uint16_t port, const std::string& bytes) {
  asio::io_context io;
  tcp::socket socket(io);
  socket.connect({asio::ip::make_address("127.0.0.1"), port});
  boost::system::error_code error;
  asio::write(socket, asio::buffer(bytes), error);
  std::string answer;
  asio::read(socket, asio::dynamic_buffer(answer), error);
  return answer;
}

inline std::string request(const std::string& method, const std::string& path, const std::string& body,
                           const std::string& headers = "") {
  return method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline int status_of(const std::string& answer) {
  return answer.size() > 12 ? std::stoi(answer.substr(9, 3)) : 0;
}
inline std::string body_of(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

// Puts the pieces of a chunked body together.
inline std::string unchunked(const std::string& body) {
  std::string out;
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t end = body.find("\r\n", at);
    const std::size_t size = std::stoul(body.substr(at, end - at), nullptr, 16);
    if (size == 0) break;
    out += body.substr(end + 2, size);
    at = end + 2 + size + 2;
  }
  return out;
}

inline std::vector<Json> events_of(const std::string& stream) {
  std::vector<Json> events;
  for (std::size_t at = 0; (at = stream.find("data: ", at)) != std::string::npos;) {
    const std::size_t end = stream.find("\n\n", at);
    const std::string data = stream.substr(at + 6, end - at - 6);
    if (data != "[DONE]") events.push_back(parse_json(data, "event"));
    at = end;
  }
  return events;
}

// One connection that is kept for many requests.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(io_) { socket_.connect({asio::ip::make_address("127.0.0.1"), port}); }

  // Status and body of the answer to the request; the body is as long as its content-length says.
  std::pair<int, std::string> ask(const std::string& method, const std::string& path, const std::string& body) {
    asio::write(socket_, asio::buffer(method + " " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: " +
                                      std::to_string(body.size()) + "\r\n\r\n" + body));
    const std::size_t head = asio::read_until(socket_, asio::dynamic_buffer(read_), "\r\n\r\n");
    const std::string name = "Content-Length: ";
    const std::size_t length = std::stoul(read_.substr(read_.find(name) + name.size()));
    if (read_.size() < head + length)
      asio::read(socket_, asio::dynamic_buffer(read_), asio::transfer_exactly(head + length - read_.size()));
    const std::pair<int, std::string> answer{status_of(read_), read_.substr(head, length)};
    read_.erase(0, head + length);
    return answer;
  }

 private:
  asio::io_context io_;
  tcp::socket socket_;
  std::string read_;
};

inline const std::string kPrompt =
    R"({"model": "tiny", "prompt": "The mountain", "max_tokens": 12, "temperature": 0.7, "seed": 5)";

}  // namespace cairn::test
