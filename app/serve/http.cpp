#include "app/serve/http.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <set>

#include "base/error.h"

namespace cairn::app {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

std::string decoded(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

class Connection;

// Lives as long as the server or any reply: a reply may be let go of after the server has gone, and its connection's socket needs
// `io` to the end. Connections refer to it without owning it, as what waits in `io` owns them.
struct HttpServerState : std::enable_shared_from_this<HttpServerState> {
  HttpServerState(HttpLimits l, HttpHandler h, HttpErrorBody e) : limits(l), handler(std::move(h)), error_body(std::move(e)) {}
  void accept();
  void accepted(tcp::socket socket);

  HttpLimits limits;
  HttpHandler handler;
  HttpErrorBody error_body;
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  asio::steady_timer pause{io};  // after a connection that could not be taken
  std::set<std::shared_ptr<Connection>> connections;
  std::uint64_t body_bytes = 0;  // of all requests that are read or answered
  bool draining = false;
};

// One client: reads a request, hands it to the handler, writes the answer as it comes, reads the next. All members are touched on
// the network thread only, but for `gone_`.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, HttpServerState& server) : server_(server), socket_(std::move(socket)) {
    beast::error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);  // a token is sent when it is there
  }

  void read() {
    if (server_.draining) return close();
    parser_.emplace();
    parser_->body_limit(server_.limits.body_bytes);
    parser_->header_limit(server_.limits.header_bytes);
    answered_ = streaming_ = ended_ = head_only_ = late_ = false;
    ++number_;
    if (buffer_.size() > 0) return read_header();
    // The clock of a request starts with its first byte: between requests a client may rest longer.
    start(reading_, server_.limits.idle_seconds, &Connection::close);
    socket_.async_read_some(buffer_.prepare(kPieceBytes),
                            [self = shared_from_this()](beast::error_code error, std::size_t count) {
                              if (error) return self->close();
                              self->buffer_.commit(count);
                              self->read_header();
                            });
  }
  bool busy() const { return busy_; }
  // Which of the connection's requests is being read or answered.
  std::uint64_t number() const { return number_; }
  void close() {
    stop(reading_);
    stop(writing_);
    hold(0);
    beast::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
    gone_ = true;
    server_.connections.erase(shared_from_this());
  }
  void refuse(int status, const std::string& message) {
    stop(reading_);
    parser_.reset();
    hold(0);
    ++number_;
    keep_alive_ = false;
    busy_ = answered_ = unread_ = true;
    HttpHeaders headers{{"content-type", "application/json"}};
    if (status == 503) headers["retry-after"] = "1";
    queue_response(status, headers, server_.error_body(status, message), false);
    ended_ = true;
  }

  void turn_away() {
    refuse(503, "too many connections");
    unread_ = false;
  }

  // What HttpReply asks, on the network thread.
  void send(int status, const HttpHeaders& headers, std::string body) {
    if (answered_) return;
    answered_ = true;
    queue_response(status, headers, std::move(body), false);
    end();
  }
  void begin_stream(int status, const HttpHeaders& headers) {
    if (answered_) return;
    answered_ = streaming_ = true;
    keep_alive_ = keep_alive_ && chunks_;
    queue_response(status, headers, "", true);
  }
  void write_piece(const std::string& piece) {
    if (!streaming_ || ended_ || piece.empty()) return;
    if (unsent_ > server_.limits.unsent_bytes) return close();  // who does not read what it asked for
    queue(chunks_ ? fmt::format("{:x}\r\n{}\r\n", piece.size(), piece) : piece);
  }
  void end() {
    if (ended_) return;
    if (streaming_ && chunks_) queue("0\r\n\r\n");
    ended_ = true;
    if (outgoing_.empty()) finished();
  }
  // Nobody is left who could go on: what has been sent of a stream must not look like all of it.
  void abandon() {
    if (ended_) return;  // it is being written
    if (gone_ || streaming_) return close();
    send(500, {{"content-type", "application/json"}}, server_.error_body(500, "the request was not answered"));
  }
  bool gone() const { return gone_; }

 private:
  static constexpr std::size_t kPieceBytes = 4096;
  static constexpr int kLingerSeconds = 2;

  // A time that something may take; then `late` is called.
  struct Clock {
    explicit Clock(asio::io_context& io) : timer(io) {}
    asio::steady_timer timer;
    std::uint64_t turn = 0;  // a timer that has run out can no longer be stopped
  };
  void start(Clock& clock, int seconds, void (Connection::*late)()) {
    const std::uint64_t turn = ++clock.turn;
    clock.timer.expires_after(std::chrono::seconds(seconds));
    clock.timer.async_wait([weak = weak_from_this(), &clock, turn, late](beast::error_code) {
      const auto self = weak.lock();
      if (self && clock.turn == turn) (self.get()->*late)();
    });
  }
  static void stop(Clock& clock) {
    ++clock.turn;
    clock.timer.cancel();
  }

  // Counts the body that this request is as large as, among those of all.
  void hold(std::uint64_t bytes) {
    server_.body_bytes += bytes - body_bytes_;
    body_bytes_ = bytes;
  }

  void read_header() {
    start(reading_, server_.limits.read_seconds, &Connection::request_late);
    http::async_read_header(socket_, buffer_, *parser_,
                            [self = shared_from_this()](beast::error_code error, std::size_t) { self->header_read(error); });
  }

  // Ends the reading, which then says that it is late.
  void request_late() {
    late_ = true;
    beast::error_code ignored;
    socket_.cancel(ignored);
  }

  // Answers what could not be read, or closes where there is nobody to answer.
  void refuse_unreadable(beast::error_code error) {
    const bool parsing = error.category() == make_error_code(http::error::bad_method).category();
    if (!socket_.is_open()) return;
    if (late_) return refuse(408, "the request did not arrive in time");
    if (error == http::error::header_limit) return refuse(431, "the request's headers are too large");
    if (error == http::error::body_limit)
      return refuse(413, fmt::format("the request's body is larger than {} bytes", server_.limits.body_bytes));
    if (!parsing || error == http::error::end_of_stream || error == http::error::partial_message) return close();
    refuse(400, "malformed HTTP: " + error.message());
  }

  void header_read(beast::error_code error) {
    if (error || late_) return refuse_unreadable(error);
    if (beast::iequals(parser_->get()[http::field::expect], "100-continue")) queue("HTTP/1.1 100 Continue\r\n\r\n");
    read_body();
  }

  // Piece by piece: what counts is what has come, not what is promised.
  void read_body() {
    hold(parser_->get().body().size());
    if (server_.body_bytes > server_.limits.all_body_bytes) return refuse(503, "too much is sent at once; try again in a second");
    if (parser_->is_done()) return request_read();
    http::async_read_some(socket_, buffer_, *parser_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (error || self->late_) return self->refuse_unreadable(error);
      self->read_body();
    });
  }

  void request_read();

  // Notices a client that closes while its answer is being made. The socket may also become readable for bytes that have been
  // read by then, so what is there is looked at; once there are bytes of a next request, no end can be seen behind them.
  void watch() {
    socket_.async_wait(tcp::socket::wait_read, [weak = weak_from_this(), number = number_](beast::error_code error) {
      const auto self = weak.lock();
      if (!self || error || self->number_ != number || !self->socket_.is_open()) return;
      char byte;
      beast::error_code end;
      self->socket_.non_blocking(true, end);
      self->socket_.receive(asio::buffer(&byte, 1), tcp::socket::message_peek, end);
      if (end == asio::error::would_block) return self->watch();
      if (end) self->gone_ = true;
    });
  }

  void queue_response(int status, const HttpHeaders& headers, std::string body, bool chunked) {
    http::response<http::string_body> response{static_cast<http::status>(status), 11};
    response.set(http::field::server, "cairn");
    for (const auto& [name, value] : headers) response.set(name, value);
    response.keep_alive(keep_alive_);
    std::string bytes;
    if (!chunked) {
      response.content_length(body.size());
    } else if (chunks_) {
      response.chunked(true);
    }
    bytes = fmt::format("HTTP/1.1 {} {}\r\n", status, std::string(response.reason()));
    for (const auto& field : response.base())
      bytes += fmt::format("{}: {}\r\n", std::string(field.name_string()), std::string(field.value()));
    queue(bytes + "\r\n" + (head_only_ ? "" : body));
  }

  void queue(std::string bytes) {
    unsent_ += bytes.size();
    outgoing_.push_back(std::move(bytes));
    if (outgoing_.size() == 1) write_next();
  }

  void write_next() {
    start(writing_, server_.limits.read_seconds, &Connection::close);
    socket_.async_write_some(asio::buffer(outgoing_.front()) + written_,
                             [self = shared_from_this()](beast::error_code error, std::size_t count) {
                               if (error) return self->close();
                               self->wrote(count);
                             });
  }

  void wrote(std::size_t count) {
    written_ += count;
    unsent_ -= count;
    if (written_ == outgoing_.front().size()) {
      outgoing_.pop_front();
      written_ = 0;
    }
    if (!outgoing_.empty()) return write_next();
    stop(writing_);
    if (ended_) finished();
  }

  void finished() {
    busy_ = false;
    hold(0);
    if (unread_) return linger();
    if (!keep_alive_) return close();
    read();
  }

  // Takes what the client still sends: with unread bytes the socket's end would take the answer from it.
  void linger() {
    beast::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    start(reading_, kLingerSeconds, &Connection::close);
    discard();
  }
  void discard() {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(kPieceBytes), [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (error) return self->close();
      self->discard();
    });
  }

  HttpServerState& server_;
  tcp::socket socket_;
  Clock reading_{server_.io}, writing_{server_.io};
  beast::flat_buffer buffer_{server_.limits.header_bytes + (64u << 10)};  // chunk extensions and trailers have no other bound
  std::optional<http::request_parser<http::string_body>> parser_;
  std::deque<std::string> outgoing_;
  std::size_t written_ = 0;       // of the first of them
  std::uint64_t unsent_ = 0;      // of all
  std::uint64_t body_bytes_ = 0;  // of this request's body
  std::uint64_t number_ = 0;
  bool busy_ = false, keep_alive_ = true, head_only_ = false, chunks_ = true, unread_ = false, late_ = false;
  bool answered_ = false, streaming_ = false, ended_ = false;
  std::atomic<bool> gone_{false};
};

namespace {

// Carries calls from any thread to the connection's own, where those are dropped that are not about the request that is being
// answered. When the last owner lets go without an answer, the client gets a 500.
class PostedReply : public HttpReply {
 public:
  PostedReply(std::shared_ptr<HttpServerState> server, std::shared_ptr<Connection> connection)
      : server_(std::move(server)), connection_(std::move(connection)), number_(connection_->number()) {}
  ~PostedReply() override {
    // Also when the client has gone: its place, and what its body counts, are free from here on.
    asio::post(server_->io, [connection = connection_, number = number_] {
      if (connection->number() == number && connection->busy()) connection->abandon();
    });
  }
  void send(int status, const HttpHeaders& headers, std::string body) override {
    post([status, headers, body = std::move(body)](Connection& connection) { connection.send(status, headers, body); });
  }
  void begin_stream(int status, const HttpHeaders& headers) override {
    post([status, headers](Connection& connection) { connection.begin_stream(status, headers); });
  }
  void write(std::string piece) override {
    post([piece = std::move(piece)](Connection& connection) { connection.write_piece(piece); });
  }
  void end() override {
    post([](Connection& connection) { connection.end(); });
  }
  bool client_gone() const override { return connection_->gone(); }

 private:
  template <typename Fn>
  void post(Fn fn) {
    if (connection_->gone()) return;
    asio::post(server_->io, [connection = connection_, number = number_, fn = std::move(fn)] {
      if (connection->number() == number && connection->busy() && !connection->gone()) fn(*connection);
    });
  }
  std::shared_ptr<HttpServerState> server_;  // goes after the connection
  std::shared_ptr<Connection> connection_;
  std::uint64_t number_;
};

}  // namespace

void Connection::request_read() {
  http::request<http::string_body> message = parser_->release();
  HttpRequest request;
  request.method = std::string(message.method_string());
  const std::string target(message.target());
  request.path = decoded(std::string_view(target).substr(0, target.find('?')));
  for (const auto& field : message.base()) {
    std::string name(field.name_string());
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
    request.headers[name] = std::string(field.value());
  }
  request.body = std::move(message.body());
  hold(request.body.size());
  keep_alive_ = message.keep_alive();
  head_only_ = message.method() == http::verb::head;
  chunks_ = message.version() >= 11;  // the end of a stream to an older client is that of its connection
  busy_ = true;
  stop(reading_);
  watch();
  const auto reply = std::make_shared<PostedReply>(server_.shared_from_this(), shared_from_this());
  try {
    server_.handler(std::move(request), reply);
  } catch (const std::exception&) {
    reply->send(500, {{"content-type", "application/json"}}, server_.error_body(500, "internal error"));
  }
}

void HttpServerState::accept() {
  acceptor.async_accept([this](beast::error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted || !acceptor.is_open()) return;
    if (!error) {
      accepted(std::move(socket));
      return accept();
    }
    pause.expires_after(std::chrono::milliseconds(100));  // no file may be left to take it with
    pause.async_wait([this](beast::error_code) {
      if (acceptor.is_open()) accept();
    });
  });
}

void HttpServerState::accepted(tcp::socket socket) {
  if (static_cast<int>(connections.size()) >= 2 * limits.connections) return;  // so many are being turned away
  const auto connection = std::make_shared<Connection>(std::move(socket), *this);
  const bool full = static_cast<int>(connections.size()) >= limits.connections;
  connections.insert(connection);
  if (full) {
    connection->turn_away();
  } else {
    connection->read();
  }
}

HttpServer::HttpServer(const std::string& address, std::uint16_t port, HttpLimits limits, HttpHandler handler,
                       HttpErrorBody error_body)
    : state_(std::make_shared<HttpServerState>(limits, std::move(handler), std::move(error_body))) {
  beast::error_code error;
  const auto ip = asio::ip::make_address(address, error);
  if (error) fail_usage("'{}' is not an IP address", address);
  const tcp::endpoint endpoint(ip, port);
  state_->acceptor.open(endpoint.protocol(), error);
  if (!error) state_->acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) state_->acceptor.bind(endpoint, error);
  if (!error) state_->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) fail("cannot listen on {}:{}: {}", address, port, error.message());
}

HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const {
  return state_->acceptor.local_endpoint().port();
}

void HttpServer::run(const StopToken& stop, int drain_seconds) {
  HttpServerState& s = *state_;
  s.accept();
  std::optional<std::chrono::steady_clock::time_point> deadline;
  asio::steady_timer timer(s.io);
  // Looks for a stop ten times a second; while draining, for the moment when nothing runs any more.
  std::function<void()> tick = [&] {
    if (stop.stop_requested() && !s.draining) {
      s.draining = true;
      deadline = std::chrono::steady_clock::now() + std::chrono::seconds(drain_seconds);
      s.acceptor.close();
      const auto open = s.connections;
      for (const auto& connection : open) {
        if (!connection->busy()) connection->close();
      }
    }
    if (deadline && (s.connections.empty() || std::chrono::steady_clock::now() > *deadline)) {
      const auto open = s.connections;
      for (const auto& connection : open) connection->close();
      s.io.stop();
      return;
    }
    timer.expires_after(std::chrono::milliseconds(100));
    timer.async_wait([&](beast::error_code) { tick(); });
  };
  tick();
  s.io.run();
}

}  // namespace cairn::app
