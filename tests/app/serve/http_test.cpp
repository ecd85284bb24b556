// Connections and requests as clients really make them: cut short, too large, late, gone, many on one connection.
#include <chrono>
#include <future>
#include <thread>

#include "tests/app/serve/served.h"

using namespace cairn;
using namespace cairn::app;
using namespace cairn::test;

TEST_CASE("serve: garbage, oversized and cut-short requests are answered or dropped, and the server goes on") {
  REQUIRE_SHARED(shared);
  HttpLimits limits;
  limits.body_bytes = 1000;
  limits.header_bytes = 2000;
  limits.read_seconds = 1;
  Served served(shared, {}, limits);
  for (const std::string& garbage : {std::string("GARBAGE\r\n\r\n"), std::string("GET / HTTP/9.9\r\n\r\n"),
                                     std::string("POST /v1/completions HTTP/1.1\r\nContent-Length: -5\r\n\r\n"),
                                     std::string("POST /v1/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n")})
    CHECK_MESSAGE(status_of(exchange(served.port(), garbage)) == 400, garbage);
  const std::string nothing = exchange(served.port(), std::string(64, '\0'));
  CHECK((nothing.empty() || status_of(nothing) == 400));
  CHECK(status_of(exchange(served.port(), request("POST", "/v1/completions", std::string(5000, 'x')))) == 413);
  CHECK(status_of(exchange(served.port(), "GET / HTTP/1.1\r\nX: " + std::string(5000, 'y') + "\r\n\r\n")) == 431);
  const std::string slow = exchange(served.port(), "POST /v1/completions HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf");
  CHECK((slow.empty() || status_of(slow) == 408));
  CHECK(status_of(exchange(served.port(), request("GET", "/health", ""))) == 200);
}

TEST_CASE("serve: two requests on one connection") {
  REQUIRE_SHARED(shared);
  Served served(shared);
  const std::string first = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string answer = exchange(served.port(), first + request("GET", "/v1/models", ""));
  CHECK(answer.find("HTTP/1.1 200 OK", 10) != std::string::npos);
}

TEST_CASE("serve: who lets go of a reply late does not answer the connection's next request") {
  std::shared_ptr<HttpReply> last;
  HttpServer server(
      "127.0.0.1", 0, {},
      [&](const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) {
        last = reply;  // here the one before is let go
        reply->send(200, {{"content-type", "text/plain"}}, request.body);
      },
      api_error_body);
  StopToken stop;
  std::future<void> running = std::async(std::launch::async, [&] { server.run(stop, 0); });
  int right = 0;
  {
    Client client(server.port());
    for (int i = 0; i < 2000; ++i) right += client.ask("POST", "/", std::to_string(i)) == std::pair{200, std::to_string(i)};
  }
  stop.request_stop();
  running.get();
  CHECK(right == 2000);
}

TEST_CASE("serve: answers of the model one after another on one connection") {
  REQUIRE_SHARED(shared);
  Served served(shared);
  Client client(served.port());
  int right = 0;
  for (int i = 0; i < 500; ++i)
    right += client.ask("POST", "/v1/completions", R"({"model": "tiny", "prompt": "The", "max_tokens": 1})").first == 200;
  CHECK(right == 500);
}

TEST_CASE("serve: what is said after the server has gone is lost, and does no harm") {
  std::shared_ptr<HttpReply> late;
  {
    std::promise<void> asked;
    HttpServer server(
        "127.0.0.1", 0, {},
        [&](const HttpRequest&, const std::shared_ptr<HttpReply>& reply) {
          late = reply;
          reply->begin_stream(200, {});
          asked.set_value();
        },
        api_error_body);
    StopToken stop;
    std::future<void> running = std::async(std::launch::async, [&] { server.run(stop, 0); });
    std::future<std::string> client =
        std::async(std::launch::async, [&server] { return exchange(server.port(), request("GET", "/", "")); });
    asked.get_future().get();
    stop.request_stop();
    running.get();
    CHECK(status_of(client.get()) == 200);
  }
  CHECK(late->client_gone());
  for (int i = 0; i < 100; ++i) late->write(std::string(10000, 'x'));
  late->end();
  late.reset();
}

TEST_CASE("serve: half a request is told that it is late") {
  REQUIRE_SHARED(shared);
  HttpLimits limits;
  limits.read_seconds = 1;
  limits.idle_seconds = 2;
  Served served(shared, {}, limits);
  for (const std::string& half :
       {std::string("POST /v1/comple"), std::string("POST /v1/completions HTTP/1.1\r\nContent-Length: 9\r\n"),
        std::string("POST /v1/completions HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"),
        std::string("POST /v1/completions HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")}) {
    const std::string answer = exchange(served.port(), half);
    CHECK(answer.find("HTTP/1.1 408 ") != std::string::npos);
    CHECK(answer.find("did not arrive in time") != std::string::npos);
  }
  CHECK(exchange(served.port(), "").empty());  // who rests is let go of without a word
}

TEST_CASE("serve: who is refused reads why, however much it still sends") {
  REQUIRE_SHARED(shared);
  HttpLimits limits;
  limits.body_bytes = 1000;
  limits.header_bytes = 2000;
  Served served(shared, {}, limits);
  const std::string much(8 << 20, 'x');
  int right = 0;
  for (int i = 0; i < 10; ++i) {
    right += status_of(exchange(served.port(), request("POST", "/v1/completions", much))) == 413;
    right += status_of(exchange(served.port(), "GET / HTTP/1.1\r\nX: " + much + "\r\n\r\n")) == 431;
  }
  CHECK(right == 20);
}

TEST_CASE("serve: bodies of all requests together have a bound, and what has come counts, not what is promised") {
  REQUIRE_SHARED(shared);
  HttpLimits limits;
  limits.all_body_bytes = 3000;
  Served served(shared, {}, limits);
  asio::io_context io;
  std::vector<tcp::socket> open;
  const auto begin = [&](std::size_t sent) {
    open.emplace_back(io).connect({asio::ip::make_address("127.0.0.1"), served.port()});
    asio::write(open.back(), asio::buffer("POST /tokenize HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + std::string(sent, ' ')));
  };
  for (int i = 0; i < 9; ++i) begin(100);
  const std::string body = R"({"prompt": "a)" + std::string(1500, ' ') + "\"}";
  const auto status = [&] { return status_of(exchange(served.port(), request("POST", "/tokenize", body))); };
  CHECK(status() == 200);
  begin(1000);
  int refused = 0;
  for (int tries = 0; tries < 400 && refused != 503; ++tries) refused = status();
  CHECK(refused == 503);
  open.clear();
  int again = 0;
  for (int tries = 0; tries < 400 && again != 200; ++tries) again = status();
  CHECK(again == 200);
}

TEST_CASE("serve: a client that does not read its stream is let go of") {
  HttpLimits limits;
  limits.unsent_bytes = 1 << 20;
  std::promise<std::shared_ptr<HttpReply>> asked;
  HttpServer server(
      "127.0.0.1", 0, limits,
      [&](const HttpRequest&, const std::shared_ptr<HttpReply>& reply) {
        reply->begin_stream(200, {});
        asked.set_value(reply);
      },
      api_error_body);
  StopToken stop;
  std::future<void> running = std::async(std::launch::async, [&] { server.run(stop, 0); });
  asio::io_context io;
  tcp::socket socket(io);
  socket.connect({asio::ip::make_address("127.0.0.1"), server.port()});
  asio::write(socket, asio::buffer(request("GET", "/", "")));
  const std::shared_ptr<HttpReply> reply = asked.get_future().get();
  int written = 0;  // pieces of 64 KiB: the kernel takes some megabytes
  while (!reply->client_gone() && written < 4000) {
    reply->write(std::string(64 << 10, 'x'));
    ++written;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(reply->client_gone());
  stop.request_stop();
  running.get();
}

TEST_CASE("serve: a stream to an HTTP/1.0 client is not in chunks, and ends with its connection") {
  REQUIRE_SHARED(shared);
  Served served(shared);
  const std::string body = kPrompt + R"(, "stream": true})";
  const std::string answer = exchange(
      served.port(), "POST /v1/completions HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: " + std::to_string(body.size()) +
                         "\r\n\r\n" + body);
  CHECK(answer.find("hunked") == std::string::npos);
  CHECK(body_of(answer).find("data: {") == 0);
  CHECK(answer.substr(answer.size() - 14) == "data: [DONE]\n\n");
}

TEST_CASE("serve: clients that ask and hang up leave their places, and what they sent no longer counts") {
  REQUIRE_SHARED(shared);
  HttpLimits limits;
  limits.connections = 4;
  limits.all_body_bytes = 4000;
  Served served(shared, {}, limits);
  const std::string body = kPrompt + R"(, "ignore_eos": true, "user": ")" + std::string(800, 'x') + "\"}";
  for (int i = 0; i < 20; ++i) {
    asio::io_context io;
    tcp::socket socket(io);
    socket.connect({asio::ip::make_address("127.0.0.1"), served.port()});
    boost::system::error_code error;
    asio::write(socket, asio::buffer(request("POST", "/v1/completions", body)), error);
  }
  int status = 0;
  for (int tries = 0; tries < 400 && status != 200; ++tries) {
    status = status_of(exchange(served.port(), request("POST", "/v1/completions", body)));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(status == 200);
}

TEST_CASE("serve: the extension of a chunk and the fields behind the last one have a bound") {
  REQUIRE_SHARED(shared);
  Served served(shared);
  const std::string head = "POST /tokenize HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", much(1 << 20, 'x');
  CHECK(status_of(exchange(served.port(), head + "5;" + much)) == 400);
  CHECK(status_of(exchange(served.port(), head + "0\r\nX: " + much)) == 400);
}
