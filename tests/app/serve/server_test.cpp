// What the server answers, over real sockets on loopback.
#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <thread>

#include "base/disk.h"
#include "base/hash.h"
#include "tests/app/serve/served.h"

using namespace cairn;
using namespace cairn::app;
using namespace cairn::test;

TEST_CASE("serve: models, health, metrics, unknown paths and methods") {
  REQUIRE_SHARED(shared);
  Served served(shared);
  const Json models = parse_json(body_of(exchange(served.port(), request("GET", "/v1/models", ""))), "models");
  CHECK(models["data"][0]["id"] == "tiny");
  CHECK(models["data"][0]["max_model_len"] == 128);
  CHECK(status_of(exchange(served.port(), request("GET", "/v1/models/tiny", ""))) == 200);
  CHECK(status_of(exchange(served.port(), request("GET", "/v1/models/other%2Fone", ""))) == 404);
  CHECK(status_of(exchange(served.port(), request("GET", "/health", ""))) == 200);
  CHECK(status_of(exchange(served.port(), request("GET", "/nothing", ""))) == 404);
  CHECK(status_of(exchange(served.port(), request("GET", "/v1/completions", ""))) == 405);
  const std::string metrics = body_of(exchange(served.port(), request("GET", "/metrics", "")));
  CHECK(metrics.find("http_requests_total{handler=\"other\",status=\"404\"} 2\n") != std::string::npos);
  const std::string echoed = exchange(served.port(), request("GET", "/health", "", "X-Request-Id: abc-1\r\n"));
  CHECK(echoed.find("x-request-id: abc-1\r\n") != std::string::npos);
}

TEST_CASE("serve: a stream carries the same text as the whole answer, and the same seed gives it again") {
  REQUIRE_SHARED(shared);
  Served served(shared);
  const Json whole = parse_json(body_of(exchange(served.port(), request("POST", "/v1/completions", kPrompt + "}"))), "answer");
  CHECK(whole["usage"]["completion_tokens"] == 12);
  CHECK(whole["choices"][0]["finish_reason"] == "length");
  const std::string raw =
      exchange(served.port(),
               request("POST", "/v1/completions", kPrompt + R"(, "stream": true, "stream_options": {"include_usage": true}})"));
  CHECK(raw.find("content-type: text/event-stream") != std::string::npos);
  const std::string stream = unchunked(body_of(raw));
  CHECK(stream.substr(stream.size() - 14) == "data: [DONE]\n\n");
  std::string text;
  const auto events = events_of(stream);
  for (const Json& event : events) {
    if (!event["choices"].empty()) text += event["choices"][0]["text"].get<std::string>();
  }
  CHECK(text == whole["choices"][0]["text"].get<std::string>());
  CHECK(events.back()["usage"]["completion_tokens"] == 12);
  CHECK(events.back()["choices"].empty());
}

TEST_CASE("serve: echo with logprobs is what lm-eval's client sums up") {
  REQUIRE_SHARED(shared);
  Served served(shared);
  const std::string body =
      R"({"model": "tiny", "prompt": [[5, 6, 7, 8], [9, 10]], "max_tokens": 1, "temperature": 0, "logprobs": 1, "echo": true})";
  const Json answer = parse_json(body_of(exchange(served.port(), request("POST", "/v1/completions", body))), "answer");
  REQUIRE(answer["choices"].size() == 2);
  const Json& lists = answer["choices"][0]["logprobs"];
  CHECK(lists["token_logprobs"].size() == 5);
  CHECK(lists["token_logprobs"][0].is_null());
  CHECK(lists["top_logprobs"][0].is_null());
  infer::SequenceBatch& batch = served.model().batch();  // idle by now
  const std::vector<std::int32_t> prompt{5, 6, 7, 8};
  const int sequence = *batch.open(4);
  std::vector<double> direct{0};
  batch.read(sequence, prompt, 0, [&](std::size_t at, std::span<const float> logits) {
    if (at + 1 < prompt.size()) direct.push_back(infer::logprob_of(logits, prompt[at + 1]));
  });
  batch.close(sequence);
  for (std::size_t i = 1; i < 4; ++i) {
    CHECK(lists["token_logprobs"][i].get<double>() == direct[i]);
    CHECK(!lists["top_logprobs"][i].empty());
  }
  double greatest = -1e9;  // the generated token is greedy: its own number is the greatest of the top list
  for (const auto& [token, value] : lists["top_logprobs"][4].items()) greatest = std::max(greatest, value.get<double>());
  CHECK(lists["token_logprobs"][4].get<double>() == greatest);
  // Of several answers to one prompt each has the prompt's numbers, which are taken once.
  const Json twice = parse_json(
      body_of(exchange(
          served.port(),
          request("POST", "/v1/completions",
                  R"({"model": "tiny", "prompt": [5, 6, 7, 8], "n": 2, "max_tokens": 0, "logprobs": 1, "echo": true})"))),
      "answer");
  for (int i = 0; i < 2; ++i) {
    for (std::size_t at = 1; at < 4; ++at)
      CHECK(twice["choices"][i]["logprobs"]["token_logprobs"][at].get<double>() == direct[at]);
  }
}

TEST_CASE("serve: wrong requests get the error object") {
  REQUIRE_SHARED(shared);
  Served served(shared);
  const auto error = [&](const std::string& body) {
    return parse_json(body_of(exchange(served.port(), request("POST", "/v1/completions", body))), "answer")["error"];
  };
  CHECK(error("{")["type"] == "invalid_request_error");
  CHECK(error(R"({"model": "other", "prompt": "a"})")["code"] == "model_not_found");
  CHECK(error(R"({"model": "tiny", "prompt": [99999]})")["message"].get<std::string>().find("outside the vocabulary") !=
        std::string::npos);
  std::string long_prompt;
  for (int i = 0; i < 500; ++i) long_prompt += "mountain ";
  CHECK(error(R"({"model": "tiny", "prompt": ")" + long_prompt + "\"}")["code"] == "context_length_exceeded");
  const std::string chat =
      exchange(served.port(),
               request("POST", "/v1/chat/completions", R"({"model": "tiny", "messages": [{"role": "user", "content": "x"}]})"));
  CHECK(status_of(chat) == 400);  // the golden tokenizer has no chat tokens
}

TEST_CASE("serve: keys are asked for when there are some") {
  REQUIRE_SHARED(shared);
  ApiOptions options;
  options.key_hashes = {sha256("secret").hex()};
  Served served(shared, options);
  CHECK(status_of(exchange(served.port(), request("GET", "/v1/models", ""))) == 401);
  CHECK(status_of(exchange(served.port(), request("GET", "/v1/models", "", "Authorization: Bearer wrong\r\n"))) == 401);
  CHECK(status_of(exchange(served.port(), request("GET", "/v1/models", "", "Authorization: Bearer secret\r\n"))) == 200);
  CHECK(status_of(exchange(served.port(), request("GET", "/health", ""))) == 200);
}

TEST_CASE("serve: many clients at once, some of which go away; a full queue says so and all are served in the end") {
  REQUIRE_SHARED(shared);
  ApiOptions options;
  options.queue = 2;
  Served served(shared, options);
  const std::string body =
      R"({"model": "tiny", "prompt": "The", "max_tokens": 100, "ignore_eos": true, "temperature": 1, "seed": 1})";
  for (int i = 0; i < 3; ++i) {  // connect, ask, leave
    asio::io_context io;
    tcp::socket socket(io);
    socket.connect({asio::ip::make_address("127.0.0.1"), served.port()});
    boost::system::error_code error;
    asio::write(socket, asio::buffer(request("POST", "/v1/completions", body)), error);
  }
  std::atomic<int> answered{0}, refused{0}, other{0};
  const auto insist = [&] {
    for (int tries = 0; tries < 2000; ++tries) {
      const int status = status_of(exchange(served.port(), request("POST", "/v1/completions", body)));
      if (status == 200) {
        ++answered;
        return;
      }
      ++(status == 429 ? refused : other);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  };
  std::vector<std::future<void>> clients;
  for (int i = 0; i < 12; ++i) clients.push_back(std::async(std::launch::async, insist));
  for (auto& client : clients) client.get();
  CHECK(answered == 12);
  CHECK(refused >= 1);
  CHECK(other == 0);
  CHECK(status_of(exchange(served.port(), request("GET", "/health", ""))) == 200);
}

TEST_CASE("serve: answers that are written together are those that are written alone") {
  REQUIRE_SHARED(shared);
  Served served(shared, {}, {}, {.max_length = 128, .sequences = 3});
  const auto ask = [&](int number) {
    const std::string body = R"({"model": "tiny", "prompt": ")" + std::string(static_cast<std::size_t>(1 + 7 * number), 'a') +
                             R"(", "max_tokens": 60, "ignore_eos": true, "temperature": 0.8, "n": 2, "logprobs": 0, "seed": )" +
                             std::to_string(number) + "}";
    return parse_json(body_of(exchange(served.port(), request("POST", "/v1/completions", body))), "answer")["choices"];
  };
  std::vector<Json> alone;
  for (int i = 0; i < 6; ++i) alone.push_back(ask(i));
  CHECK(alone[0][0]["text"] != alone[0][1]["text"]);
  std::vector<std::future<Json>> together;
  for (int i = 0; i < 6; ++i) together.push_back(std::async(std::launch::async, ask, i));
  for (std::size_t i = 0; i < 6; ++i) CHECK(together[i].get() == alone[i]);
}

TEST_CASE("serve: a client that hangs up makes room, and an answer may not be asked to be too long") {
  REQUIRE_SHARED(shared);
  ApiOptions options;
  options.max_tokens = 900;
  Served served(shared, options, {}, {.max_length = 1000, .sequences = 1});
  const std::string body = R"({"model": "tiny", "prompt": "The", "max_tokens": 900, "ignore_eos": true, "stream": true})";
  {
    asio::io_context io;
    tcp::socket socket(io);
    socket.connect({asio::ip::make_address("127.0.0.1"), served.port()});
    asio::write(socket, asio::buffer(request("POST", "/v1/completions", body)));
    std::string begun(200, ' ');
    asio::read(socket, asio::buffer(begun));
    CHECK(begun.find("200 OK") != std::string::npos);
  }
  std::string metrics;
  for (int tries = 0; tries < 400 && metrics.find("finished_reason=\"cancelled\"} 1\n") == std::string::npos; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    metrics = body_of(exchange(served.port(), request("GET", "/metrics", "")));
  }
  CHECK(metrics.find("finished_reason=\"cancelled\"} 1\n") != std::string::npos);
  CHECK(metrics.find("cairn_kv_cache_usage_perc{model_name=\"tiny\"} 0\n") != std::string::npos);
  CHECK(metrics.find("cairn_num_requests_running{model_name=\"tiny\"} 0\n") != std::string::npos);
  const std::string longer = R"({"model": "tiny", "prompt": "The", "max_tokens": 901})";
  const Json refused =
      parse_json(body_of(exchange(served.port(), request("POST", "/v1/completions", longer))), "answer")["error"];
  CHECK(refused["message"] == "max_tokens: this server answers with at most 900 tokens, found 901");
}

TEST_CASE("serve: a stop while an answer is written ends it") {
  REQUIRE_SHARED(shared);
  for (int i = 0; i < 5; ++i) {
    std::future<std::string> client;
    Served served(shared, {}, {}, {.max_length = 4000, .sequences = 2}, 0);
    client = std::async(std::launch::async, [&served] {
      return exchange(served.port(), request("POST", "/v1/completions", R"({"model": "tiny", "prompt": "The", "max_tokens": 3900,
          "n": 3, "ignore_eos": true, "stream": true})"));
    });
    std::string metrics;
    while (metrics.find("cairn_num_requests_running{model_name=\"tiny\"} 1\n") == std::string::npos)
      metrics = body_of(exchange(served.port(), request("GET", "/metrics", "")));
    served.stop();
    const std::string answer = client.get();
    CHECK(status_of(answer) == 200);
    CHECK(answer.find("[DONE]") == std::string::npos);
  }
}

TEST_CASE("serve: an answer of no given length is no longer than the server's limit") {
  REQUIRE_SHARED(shared);
  ApiOptions options;
  options.max_tokens = 5;
  Served served(shared, options);
  const auto ask = [&](const std::string& more) {
    return parse_json(body_of(exchange(served.port(), request("POST", "/v1/completions",
                                                              R"({"model": "tiny", "prompt": "The", "seed": 1,
                                                                               "ignore_eos": true)" +
                                                                  more + "}"))),
                      "answer");
  };
  CHECK(ask("")["usage"]["completion_tokens"] == 5);
  CHECK(ask(R"(, "max_tokens": 6)")["error"]["param"] == "max_tokens");
}

TEST_CASE("serve: a request that asks for more than may be held is refused before it waits") {
  REQUIRE_SHARED(shared);
  Served served(shared, {}, {}, {.max_length = 65536, .sequences = 1});
  const std::string body = R"({"model": "tiny", "prompt": "The", "n": 100, "max_tokens": 50000)";
  const auto error = [&](const std::string& more) {
    return parse_json(body_of(exchange(served.port(), request("POST", "/v1/completions", body + more + "}"))), "answer")["error"];
  };
  CHECK(error("")["message"].get<std::string>().find("expected at most 4000000") != std::string::npos);
  CHECK(error(R"(, "stream": true)")["param"] == "max_tokens");
}

TEST_CASE("serve: a request that fails while it is answered fails alone") {
  REQUIRE_SHARED(shared);
  const TemporaryFolder folder;  // the golden model, which writes a token that its tokenizer has not
  const std::filesystem::path tiny = folder.path() / "data/golden/apertus_tiny";
  std::filesystem::create_directories(tiny.parent_path());
  std::filesystem::copy(shared / "data/golden/apertus_tiny", tiny);
  Json tokenizer = parse_json(read_file(tiny / "tokenizer.json"), "tokenizer.json");
  tokenizer["model"]["vocab"].erase("\u0120of");
  tokenizer["model"]["merges"].erase(tokenizer["model"]["merges"].size() - 1);
  std::filesystem::remove(tiny / "tokenizer.json");
  std::ofstream(tiny / "tokenizer.json") << tokenizer.dump();
  Served served(folder.path(), {}, {}, {.max_length = 2000, .sequences = 4});
  const std::string bad = R"({"model": "tiny", "prompt": ["The", "A"], "n": 2, "max_tokens": 9, "logit_bias": {"299": 100})";
  std::future<std::string> good = std::async(std::launch::async, [&] {
    return exchange(
        served.port(),
        request("POST", "/v1/completions",
                R"({"model": "tiny", "prompt": "The", "max_tokens": 900, "ignore_eos": true, "logit_bias": {"299": -100}})"));
  });
  Client client(served.port());
  for (int i = 0; i < 20; ++i) {
    const auto [status, body] = client.ask("POST", "/v1/completions", bad + "}");
    CHECK(status == 500);
    const std::string message = parse_json(body, "answer")["error"]["message"];
    CHECK(message.find("299") != std::string::npos);
  }
  const std::string streamed = exchange(served.port(), request("POST", "/v1/completions", R"({"model": "tiny", "prompt": "The",
      "max_tokens": 500, "ignore_eos": true, "logit_bias": {"299": 3}, "seed": 1, "stream": true})"));
  CHECK(status_of(streamed) == 200);
  const std::vector<Json> events = events_of(unchunked(body_of(streamed)));
  REQUIRE(events.size() > 2);
  CHECK(events[0]["choices"].size() == 1);
  CHECK(events.back()["error"]["code"] == "internal_error");
  CHECK(streamed.find("[DONE]") == std::string::npos);
  CHECK(status_of(good.get()) == 200);
  std::string metrics;
  for (int tries = 0; tries < 400 && metrics.find("requests_running{model_name=\"tiny\"} 0\n") == std::string::npos; ++tries)
    metrics = body_of(exchange(served.port(), request("GET", "/metrics", "")));
  CHECK(metrics.find("cairn_num_requests_running{model_name=\"tiny\"} 0\n") != std::string::npos);
  CHECK(metrics.find("cairn_kv_cache_usage_perc{model_name=\"tiny\"} 0\n") != std::string::npos);
  CHECK(metrics.find("cairn_num_requests_waiting{model_name=\"tiny\"} 0\n") != std::string::npos);
}

TEST_CASE("serve: a large body is read while others are answered") {
  REQUIRE_SHARED(shared);
  Served served(shared);
  std::string list = "[1";
  for (int i = 0; i < 10'000'000; ++i) list += ",1";
  std::future<std::string> large = std::async(std::launch::async, [&] {
    return exchange(served.port(), request("POST", "/v1/completions", R"({"model": "tiny", "prompt": )" + list + "]}"));
  });
  const auto seconds_since = [](std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  const auto sent = std::chrono::steady_clock::now();
  double slowest = 0;
  bool right = true;
  while (large.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    const auto begin = std::chrono::steady_clock::now();
    right = right && status_of(exchange(served.port(), request("GET", "/health", ""))) == 200;
    slowest = std::max(slowest, seconds_since(begin));
  }
  CHECK(right);
  CHECK(slowest < seconds_since(sent) / 2);
  CHECK(large.get().find("context_length_exceeded") != std::string::npos);
}

TEST_CASE("serve: one that asks for many texts lets others have theirs in between") {
  REQUIRE_SHARED(shared);
  Served served(shared, {}, {}, {.max_length = 300, .sequences = 2});
  const auto metrics = [&] { return body_of(exchange(served.port(), request("GET", "/metrics", ""))); };
  const auto finished = [&] {
    const std::string text = metrics(), name = "finished_reason=\"length\"} ";
    const std::size_t at = text.find(name);
    return at == std::string::npos ? 0 : std::stoi(text.substr(at + name.size()));
  };
  std::future<std::string> many = std::async(std::launch::async, [&] {
    return exchange(served.port(), request("POST", "/v1/completions", R"({"model": "tiny", "prompt": ["The", "A"], "n": 50,
        "max_tokens": 120, "ignore_eos": true})"));
  });
  while (finished() == 0) {
  }
  CHECK(status_of(exchange(served.port(),
                           request("POST", "/v1/completions",
                                   R"({"model": "tiny", "prompt": "The", "max_tokens": 3, "ignore_eos": true})"))) == 200);
  CHECK(finished() < 50);
  const std::string all = many.get();
  CHECK(status_of(all) == 200);
  CHECK(parse_json(body_of(all), "answer")["usage"]["completion_tokens"] == 100 * 120);
  CHECK(finished() == 101);
}
