#include "app/serve/openai.h"

#include "base/json.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::app;

namespace {

// The error object that reading `body` as a chat request gives, or null.
Json chat_error(const std::string& body) {
  try {
    read_chat_request(parse_request_body(body), 100);
  } catch (const ApiError& error) {
    Json object = parse_json(error.body(), "error")["error"];
    object["status"] = error.status();
    return object;
  }
  return nullptr;
}

Json completion_error(const std::string& body) {
  try {
    read_completion_request(parse_request_body(body), 16);
  } catch (const ApiError& error) {
    return parse_json(error.body(), "error")["error"];
  }
  return nullptr;
}

}  // namespace

TEST_CASE("openai: a chat request with everything in it") {
  const ChatRequest request = read_chat_request(parse_json(R"({"model": "m", "messages": [{"role": "system", "content": "S"},
      {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, {"role": "assistant", "content": null}],
      "max_completion_tokens": 7, "max_tokens": 9, "temperature": 0.5, "top_p": 0.25, "top_k": -1, "seed": -3, "stop": "x", "n": 2, "stream": true,
      "stream_options": {"include_usage": true}, "logprobs": true, "top_logprobs": 3, "logit_bias": {"5": -100}, "user": "u", "frequency_penalty": null})",
                                                           "t"),
                                                100);
  CHECK(request.messages.size() == 3);
  CHECK(request.messages[1].content == "ab");
  CHECK(request.messages[2].content == "");
  CHECK(request.generation.max_tokens == 7);
  CHECK(request.generation.sampling.temperature == 0.5);
  CHECK(request.generation.sampling.top_k == 0);
  CHECK(request.generation.sampling.seed == static_cast<std::uint64_t>(-3));
  CHECK(request.generation.sampling.logit_bias.at(5) == -100);
  CHECK(request.generation.stop == std::vector<std::string>{"x"});
  CHECK(request.generation.top_logprobs == 3);
  CHECK(request.n == 2);
  CHECK(request.include_usage);
  CHECK(read_chat_request(parse_json(R"({"model":"m","messages":[{"role":"user","content":"a"}]})", "t"), 100)
            .generation.max_tokens == 100);
}

TEST_CASE("openai: wrong requests get an error object that names the parameter") {
  const auto with = [](const std::string& extra) {
    return R"({"model": "m", "messages": [{"role": "user", "content": "a"}], )" + extra + "}";
  };
  CHECK(chat_error("{")["message"].get<std::string>().find("body") == 0);
  CHECK(chat_error("[1]")["message"] == "body: expected a JSON object");
  CHECK(chat_error("{}")["param"] == "model");
  CHECK(chat_error(R"({"model": "m"})")["param"] == "messages");
  CHECK(chat_error(R"({"model": "m", "messages": [{"role": "robot", "content": ""}]})")["message"] ==
        "messages[0].role: expected system, developer, user or assistant, found \"robot\"");
  CHECK(chat_error(R"({"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]})")["message"]
            .get<std::string>()
            .find("only parts of type text") != std::string::npos);
  CHECK(chat_error(with(R"("temperature": "hot")"))["message"] == "temperature: expected a number, found \"hot\"");
  CHECK(chat_error(with(R"("temperature": 3)"))["param"] == "temperature");
  CHECK(chat_error(with(R"("n": 0)"))["message"] == "n: expected an integer from 1 to 128, found 0");
  CHECK(chat_error(with(R"("max_tokens": 1.5)"))["param"] == "max_tokens");
  CHECK(chat_error(with(R"("stop": [1])"))["param"] == "stop");
  CHECK(chat_error(with(R"("top_logprobs": 2)"))["param"] == "top_logprobs");
  CHECK(chat_error(with(R"("stream_options": {})"))["param"] == "stream_options");
  CHECK(chat_error(with(R"("tools": [{"type": "function"}])"))["status"] == 501);
  CHECK(chat_error(with(R"("tools": [])")).is_null());
  CHECK(chat_error(with(R"("response_format": {"type": "json_object"})"))["type"] == "not_supported_error");
  CHECK(chat_error(with(R"("logit_bias": {"x": 1})"))["param"] == "logit_bias");
  CHECK(chat_error(with(R"("temperature": 1)"))["x"].is_null());
  CHECK(completion_error(R"({"model": "m", "prompt": [1, "a"]})")["param"] == "prompt");
  CHECK(completion_error(R"({"model": "m", "prompt": {}})")["param"] == "prompt");
  CHECK(completion_error(R"({"model": "m", "prompt": "a", "max_tokens": 0})")["param"] == "max_tokens");
  CHECK(completion_error(R"({"model": "m", "prompt": [-1]})")["param"] == "prompt");
}

TEST_CASE("openai: a request that asks for too much is refused with the field and the limit") {
  const auto error = [](const std::string& extra, const std::string& prompt = "\"a\"") {
    const Json found = completion_error(R"({"model": "m", "prompt": )" + prompt + ", " + extra + "}");
    return found.is_null() ? "" : found["param"].get<std::string>() + "|" + found["message"].get<std::string>();
  };
  const auto list = [](std::size_t count, const std::string& item) {
    std::string out = "[" + item;
    for (std::size_t i = 1; i < count; ++i) out += "," + item;
    return out + "]";
  };
  CHECK(error(R"("stop": ")" + std::string(1000, 'x') + "\"") == "");
  CHECK(error(R"("stop": ["a", ")" + std::string(1001, 'x') + "\"]") ==
        "stop|stop: expected at most 1000 bytes in a text, found 1001");
  CHECK(error(R"("stop": )" + list(65, "\"x\"")) == "stop|stop: expected at most 64 texts, found 65");
  CHECK(error(R"("stop_token_ids": )" + list(4097, "1")) ==
        "stop_token_ids|stop_token_ids: expected at most 4096 token ids, found 4097");
  CHECK(error(R"("stop_token_ids": [4294967297])").find("stop_token_ids|stop_token_ids: expected a list of token ids") == 0);
  std::string bias;
  for (int i = 0; i < 4097; ++i) bias += (i ? ",\"" : "\"") + std::to_string(i) + "\":1";
  CHECK(error(R"("logit_bias": {)" + bias + "}") == "logit_bias|logit_bias: expected at most 4096 token ids, found 4097");
  CHECK(error(R"("n": 4)", list(256, "\"x\"")) == "");
  CHECK(error(R"("n": 4)", list(257, "\"x\"")) == "n|n: 4 answers to each of 257 prompts: expected at most 1024 in all");

  const auto size_error = [](int n, std::int64_t max_tokens, std::int64_t top, std::vector<std::int64_t> prompts, bool scored) {
    CommonRequest request;
    request.n = n;
    request.generation.max_tokens = max_tokens;
    request.generation.top_logprobs = top;
    try {
      check_request_size(request, prompts, scored, 65536);
    } catch (const ApiError& refused) {
      CHECK(refused.status() == 400);
      return std::string(refused.what());
    }
    return std::string();
  };
  CHECK(size_error(1, INT64_MAX, -1, {60000}, false) == "");
  CHECK(size_error(100, 40000, -1, {0}, false) == "");
  CHECK(size_error(100, 40000, -1, {1}, false) ==
        "max_tokens: 100 answers would have up to 4000100 tokens with their prompts, expected at most 4000000");
  // An answer is no longer than the model reads.
  CHECK(size_error(64, INT64_MAX, -1, {60000}, false) ==
        "max_tokens: 64 answers would have up to 4194368 tokens with their prompts, expected at most 4000000");
  CHECK(size_error(128, 16, 20, std::vector<std::int64_t>(8, 5), false) == "");
  CHECK(size_error(2, 30000, 20, {5}, false) ==
        "logprobs: 60000 tokens would have 21 log-probabilities each, expected at most 1000000 in all");
  CHECK(size_error(1, 1, 1, std::vector<std::int64_t>(100, 5000), false) == "");
  CHECK(size_error(8, 1, 20, std::vector<std::int64_t>(8, 3900), false) == "");
  CHECK(size_error(8, 1, 20, std::vector<std::int64_t>(8, 3900), true) ==
        "logprobs: 249664 tokens would have 21 log-probabilities each, expected at most 1000000 in all");
  CHECK(size_error(1, 1, 1, std::vector<std::int64_t>(100, 5000), true) ==
        "logprobs: 500100 tokens would have 2 log-probabilities each, expected at most 1000000 in all");
}

TEST_CASE("openai: the four forms of a prompt") {
  const auto prompts = [](const std::string& prompt) {
    return read_completion_request(parse_json(R"({"model": "m", "prompt": )" + prompt + "}", "t"), 16).prompts;
  };
  CHECK(prompts(R"("a")")[0].text == "a");
  CHECK(prompts(R"(["a", "b"])").size() == 2);
  CHECK(prompts("[1, 2]")[0].tokens == std::vector<std::int32_t>{1, 2});
  CHECK(prompts("[[1], [2, 3]]")[1].tokens == std::vector<std::int32_t>{2, 3});
}
