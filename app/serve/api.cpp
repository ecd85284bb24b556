#include "app/serve/api.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>

#include "base/error.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "lineage/ledger.h"

namespace cairn::app {
namespace {

using Clock = std::chrono::steady_clock;
using Reply = std::shared_ptr<HttpReply>;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string random_id(const char* prefix) {
  std::string text = lineage::RunUuid::make(now_microseconds()).text();
  std::erase(text, '-');
  return prefix + text;
}

}  // namespace

std::string api_error_body(int status, const std::string& message) {
  return ApiError(status, message).body();
}

struct Api::State {
  State(ServedModel& served, ApiOptions given) : model(served), options(std::move(given)), metrics(served.name()) {}

  ServedModel& model;
  ApiOptions options;
  ServerMetrics metrics;
  std::int64_t created = now_microseconds() / 1'000'000;
  std::atomic<bool> draining{false};
  std::atomic<int> waiting{0};
  boost::asio::thread_pool worker{1};  // last: it is joined before what its jobs use goes

  struct Answering {  // one request on its way
    Reply reply;
    HttpHeaders headers;
    std::string route;
    Clock::time_point arrived = Clock::now();
  };

  void finish(const Answering& to, int status, std::string body, const std::string& type = "application/json") {
    HttpHeaders headers = to.headers;
    headers["content-type"] = type;
    if (status == 429 || status == 503) headers["retry-after"] = "1";
    metrics.request(to.route, status);
    to.reply->send(status, headers, std::move(body));
  }
  void finish(const Answering& to, const Json& body) {
    finish(to, 200, body.dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  Json model_json() const {
    return {{"id", model.name()},
            {"object", "model"},
            {"created", created},
            {"owned_by", "cairn"},
            {"root", model.name()},
            {"parent", nullptr},
            {"max_model_len", model.max_length()},
            {"permission", Json::array()},
            {"meta",
             {{"n_params", model.config().parameters()},
              {"dtype", "float32"},
              {"weights", model.digest().empty() ? Json(nullptr) : Json(model.digest())}}}};
  }

  AnswerHead head(const char* prefix) const {
    return {random_id(prefix), now_microseconds() / 1'000'000, model.name(),
            "cairn-" + (model.digest().empty() ? "unknown" : model.digest().substr(0, 19))};
  }

  void check_model(const std::string& name) const {
    if (name != model.name())
      throw ApiError(404, fmt::format("The model '{}' does not exist. This server has '{}'.", name, model.name()), "model",
                     "model_not_found");
  }

  void check_length(const std::vector<std::int32_t>& prompt) const {
    if (static_cast<std::int64_t>(prompt.size()) >= model.max_length()) {
      throw ApiError(
          400,
          fmt::format("This model's maximum context length is {} tokens; the prompt has {}.", model.max_length(), prompt.size()),
          "messages", "context_length_exceeded");
    }
  }

  // Runs `job` on the worker, or refuses at once.
  void enqueue(const Answering& to, std::function<void()> job) {
    if (draining) throw ApiError(503, "the server is shutting down", "", "503");
    if (waiting.fetch_add(1) >= options.queue) {
      waiting.fetch_sub(1);
      metrics.rejected("queue_full");
      throw ApiError(429, "too many requests are waiting; try again in a second", "", "queue_full");
    }
    metrics.waiting(1);
    boost::asio::post(worker, [this, to, job = std::move(job)] {
      waiting.fetch_sub(1);
      metrics.waiting(-1);
      if (to.reply->client_gone()) return;
      metrics.running(1);
      guarded(to, job);
      metrics.running(-1);
    });
  }

  void guarded(const Answering& to, const std::function<void()>& work) {
    try {
      work();
    } catch (const ApiError& error) {
      finish(to, error.status(), error.body());
    } catch (const Error& error) {
      finish(to, error.code() == ExitCode::usage ? 400 : 500,
             ApiError(error.code() == ExitCode::usage ? 400 : 500, error.what()).body());
    } catch (const std::exception& error) {
      log_warning(fmt::format("{}: {}", to.route, error.what()));
      finish(to, 500, ApiError(500, "internal error", "", "internal_error").body());
    }
  }

  infer::Generation timed_generate(const Answering& to, const std::vector<std::int32_t>& prompt, infer::GenerationParams params,
                                   int choice,
                                   const std::function<void(const infer::GeneratedToken&, const std::string&)>& on_token) {
    params.sampling.seed += static_cast<std::uint64_t>(choice);
    const double queued = seconds_since(to.arrived);
    double first = 0;
    const infer::Generation result =
        model.generate(prompt, params, [&](const infer::GeneratedToken& token, const std::string& shown) {
          if (first == 0) first = seconds_since(to.arrived);
          if (on_token) on_token(token, shown);
          return !to.reply->client_gone();
        });
    metrics.generation(static_cast<std::int64_t>(prompt.size()), static_cast<std::int64_t>(result.tokens.size()),
                       infer::finish_reason_name(result.finish), queued, first, seconds_since(to.arrived));
    return result;
  }

  void begin_events(const Answering& to) {
    HttpHeaders headers = to.headers;
    headers["content-type"] = "text/event-stream; charset=utf-8";
    headers["cache-control"] = "no-cache";
    headers["x-accel-buffering"] = "no";
    metrics.request(to.route, 200);
    to.reply->begin_stream(200, headers);
  }

  // After the headers an error can only be an event; no [DONE] follows it.
  void streamed(const Answering& to, const std::function<void()>& work) {
    try {
      work();
      to.reply->write("data: [DONE]\n\n");
    } catch (const std::exception& error) {
      to.reply->write("data: " + ApiError(500, error.what(), "", "internal_error").body() + "\n\n");
    }
    to.reply->end();
  }

  void answer_chat(const Answering& to, const ChatRequest& request, const std::vector<std::int32_t>& prompt) {
    const AnswerHead head_ = head("chatcmpl-");
    Usage usage{static_cast<std::int64_t>(prompt.size()), 0};
    if (!request.stream) {
      std::vector<infer::Generation> choices;
      for (int i = 0; i < request.n; ++i) {
        choices.push_back(timed_generate(to, prompt, request.generation, i, nullptr));
        usage.completion_tokens += static_cast<std::int64_t>(choices.back().tokens.size());
      }
      return finish(to, chat_answer(head_, choices, request, model.tokenizer(), usage));
    }
    begin_events(to);
    streamed(to, [&] {
      for (int i = 0; i < request.n; ++i) {
        std::size_t shown_so_far = 0;
        bool opened = false;
        const auto send = [&](Json delta, const char* reason, Json logprobs) {
          std::string events;
          // The role comes in the same flush as the first text, so that time to first token is honest.
          if (!opened)
            events = server_sent_event(
                chat_chunk(head_, i, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr, request.include_usage));
          opened = true;
          to.reply->write(events + server_sent_event(chat_chunk(head_, i, std::move(delta), reason, std::move(logprobs),
                                                                request.include_usage)));
        };
        const infer::Generation result =
            timed_generate(to, prompt, request.generation, i, [&](const infer::GeneratedToken& token, const std::string& shown) {
              shown_so_far += shown.size();
              if (shown.empty() && !request.logprobs) return;
              send({{"content", shown}}, nullptr, request.logprobs ? chat_logprobs({token}, model.tokenizer()) : Json(nullptr));
            });
        if (result.text.size() > shown_so_far) send({{"content", result.text.substr(shown_so_far)}}, nullptr, nullptr);
        send(Json::object(), infer::finish_reason_name(result.finish), nullptr);
        usage.completion_tokens += static_cast<std::int64_t>(result.tokens.size());
      }
      if (request.include_usage) to.reply->write(server_sent_event(usage_chunk(head_, "chat.completion.chunk", usage)));
    });
  }

  void answer_completion(const Answering& to, const CompletionRequest& request,
                         const std::vector<std::vector<std::int32_t>>& prompts) {
    const AnswerHead head_ = head("cmpl-");
    Usage usage;
    Json choices = Json::array();
    const auto each = [&](const auto& one) {
      int index = 0;
      for (const auto& prompt : prompts) {
        usage.prompt_tokens += static_cast<std::int64_t>(prompt.size());
        for (int i = 0; i < request.n; ++i) one(prompt, i, index++);
      }
    };
    if (!request.stream) {
      each([&](const std::vector<std::int32_t>& prompt, int i, int index) {
        CompletionChoice choice;
        if (request.echo) choice.prompt = prompt;
        if (request.echo && request.logprobs) choice.prompt_scores = model.score_prompt(prompt, *request.logprobs);
        choice.generation = timed_generate(to, prompt, request.generation, i, nullptr);
        usage.completion_tokens += static_cast<std::int64_t>(choice.generation.tokens.size());
        choices.push_back(completion_choice(index, choice, request, model.tokenizer()));
      });
      return finish(to, completion_answer(head_, std::move(choices), usage));
    }
    begin_events(to);
    streamed(to, [&] {
      each([&](const std::vector<std::int32_t>& prompt, int i, int index) {
        std::size_t shown_so_far = 0;
        const infer::Generation result =
            timed_generate(to, prompt, request.generation, i, [&](const infer::GeneratedToken&, const std::string& shown) {
              shown_so_far += shown.size();
              if (!shown.empty())
                to.reply->write(server_sent_event(completion_chunk(head_, index, shown, nullptr, request.include_usage)));
            });
        to.reply->write(server_sent_event(completion_chunk(head_, index, result.text.substr(shown_so_far),
                                                           infer::finish_reason_name(result.finish), request.include_usage)));
        usage.completion_tokens += static_cast<std::int64_t>(result.tokens.size());
      });
      if (request.include_usage) to.reply->write(server_sent_event(usage_chunk(head_, "text_completion", usage)));
    });
  }

  void chat(const Answering& to, const std::string& body) {
    ChatRequest request = read_chat_request(parse_request_body(body), options.default_max_tokens);
    check_model(request.model);
    const std::vector<std::int32_t> prompt = model.chat_prompt(request.messages, today());
    check_length(prompt);
    enqueue(to, [this, to, request = std::move(request), prompt] { answer_chat(to, request, prompt); });
  }

  void completion(const Answering& to, const std::string& body) {
    CompletionRequest request = read_completion_request(parse_request_body(body));
    check_model(request.model);
    std::vector<std::vector<std::int32_t>> prompts;
    for (const auto& prompt : request.prompts) {
      prompts.push_back(model.completion_prompt(prompt));
      check_length(prompts.back());
      if (prompts.back().empty()) throw ApiError(400, "prompt: empty", "prompt");
    }
    enqueue(to,
            [this, to, request = std::move(request), prompts = std::move(prompts)] { answer_completion(to, request, prompts); });
  }

  void tokenize(const Answering& to, const std::string& body) {
    const Json request = parse_request_body(body);
    const char* key = request.contains("prompt") ? "prompt" : "content";
    if (!request.contains(key) || !request[key].is_string()) throw ApiError(400, "prompt: expected a text", "prompt");
    std::vector<std::int32_t> ids = model.tokenizer().encode(request[key].get<std::string>());
    if (request.value("add_special_tokens", true) && model.config().bos >= 0) ids.insert(ids.begin(), model.config().bos);
    finish(to, {{"tokens", ids}, {"count", ids.size()}, {"max_model_len", model.max_length()}});
  }

  void detokenize(const Answering& to, const std::string& body) {
    const Json request = parse_request_body(body);
    if (!request.contains("tokens") || !request["tokens"].is_array())
      throw ApiError(400, "tokens: expected a list of token ids", "tokens");
    std::vector<std::int32_t> ids;
    for (const Json& id : request["tokens"]) {
      if (!id.is_number_integer() || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() >= model.tokenizer().vocab_size())
        throw ApiError(400, "tokens: expected token ids of this model", "tokens");
      ids.push_back(id.get<std::int32_t>());
    }
    const std::string text = model.tokenizer().decode(ids, false);
    finish(to, {{"prompt", text}, {"content", text}});
  }

  bool authorised(const HttpRequest& request) const {
    if (options.key_hashes.empty()) return true;
    const auto header = request.headers.find("authorization");
    constexpr std::string_view kBearer = "Bearer ";
    if (header == request.headers.end() || header->second.compare(0, kBearer.size(), kBearer) != 0) return false;
    return options.key_hashes.count(sha256(std::string_view(header->second).substr(kBearer.size())).hex()) > 0;
  }

  void route(const HttpRequest& request, const Answering& to) {
    const bool get = request.method == "GET" || request.method == "HEAD";
    const auto allow = [&](bool right) {
      if (!right) throw ApiError(405, fmt::format("{} does not take {}", request.path, request.method));
    };
    if (request.path == "/health" || request.path == "/readyz") {
      allow(get);
      if (draining) throw ApiError(503, "the server is shutting down", "", "503");
      return finish(to, {{"status", "ok"}});
    }
    if (request.path == "/livez") return finish(to, {{"status", "ok"}});
    if (request.path == "/metrics") {
      allow(get);
      return finish(to, 200, metrics.render(), "text/plain; version=0.0.4; charset=utf-8");
    }
    if (!authorised(request))
      throw ApiError(401, "missing or unknown API key: send 'Authorization: Bearer KEY'", "", "invalid_api_key");
    if (request.path == "/v1/models") {
      allow(get);
      return finish(to, {{"object", "list"}, {"data", Json::array({model_json()})}});
    }
    constexpr std::string_view kModel = "/v1/models/";
    if (request.path.compare(0, kModel.size(), kModel) == 0) {
      allow(get);
      check_model(request.path.substr(kModel.size()));
      return finish(to, model_json());
    }
    const bool post = request.method == "POST";
    if (request.path == "/v1/chat/completions") return allow(post), chat(to, request.body);
    if (request.path == "/v1/completions") return allow(post), completion(to, request.body);
    if (request.path == "/tokenize") return allow(post), tokenize(to, request.body);
    if (request.path == "/detokenize") return allow(post), detokenize(to, request.body);
    throw ApiError(404, fmt::format("there is no {}", request.path));
  }
};

Api::Api(ServedModel& model, ApiOptions options) : state_(std::make_unique<State>(model, std::move(options))) {}

Api::~Api() {
  state_->worker.stop();
  state_->worker.join();
}

void Api::drain() {
  state_->draining = true;
}

void Api::handle(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) {
  State::Answering to;
  to.reply = reply;
  // A route that does not exist must not become a label: clients choose paths.
  static const std::set<std::string> known{"/health",         "/readyz",    "/livez",
                                           "/metrics",        "/v1/models", "/v1/chat/completions",
                                           "/v1/completions", "/tokenize",  "/detokenize"};
  to.route = known.count(request.path) ? request.path : "other";
  const auto id = request.headers.find("x-request-id");
  to.headers["x-request-id"] = id != request.headers.end() && id->second.size() <= 200 ? id->second : random_id("req-");
  if (!state_->options.allowed_origin.empty()) {
    to.headers["access-control-allow-origin"] = state_->options.allowed_origin;
    to.headers["access-control-allow-headers"] = "authorization, content-type";
    to.headers["access-control-allow-methods"] = "GET, POST, OPTIONS";
    if (request.method == "OPTIONS") return state_->finish(to, 204, "");
  }
  state_->guarded(to, [&] { state_->route(request, to); });
}

}  // namespace cairn::app
