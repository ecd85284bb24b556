#include "app/serve/api.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <exception>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/infer/scheduler.h"
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
  State(ServedModel& served, ApiOptions given)
      : model(served),
        options(std::move(given)),
        metrics(served.name()),
        scheduler(served.batch(), served.tokenizer(), served.end_tokens()) {}

  ServedModel& model;
  ApiOptions options;
  ServerMetrics metrics;
  std::int64_t created = now_microseconds() / 1'000'000;
  std::atomic<bool> draining{false};
  std::atomic<int> waiting{0};  // requests that no answer has been begun for
  infer::Scheduler scheduler;   // of the worker, as all of the model's work is
  bool working = false;
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

  // One request, which is answered by one answer or several.
  struct Asked {
    explicit Asked(Answering answering) : to(std::move(answering)) {}
    Answering to;
    std::size_t left = 0;  // answers that are not done
    bool started = false, failed = false;
    bool events = false;           // of a stream have begun
    std::function<void()> finish;  // when all are done, unless one failed or the client has gone
  };

  // Has the worker answer, or refuses at once.
  void enqueue(const std::shared_ptr<Asked>& asked, std::vector<infer::GenerationJob> jobs) {
    if (draining) throw ApiError(503, "the server is shutting down", "", "503");
    for (const infer::GenerationJob& job : jobs) scheduler.check(job.prompt, job.params);
    if (waiting.fetch_add(1) >= options.queue) {
      waiting.fetch_sub(1);
      metrics.rejected("queue_full");
      throw ApiError(429, "too many requests are waiting; try again in a second", "", "queue_full");
    }
    metrics.waiting(1);
    boost::asio::post(worker, [this, asked, jobs = std::move(jobs)]() mutable {
      attempt(*asked, [&] {
        std::vector<infer::GenerationJob> whole;
        for (infer::GenerationJob& job : jobs) whole.push_back(of_request(asked, std::move(job)));
        for (infer::GenerationJob& job : whole) {
          scheduler.add(std::move(job));
          ++asked->left;
        }
      });
      if (asked->left == 0) leave(*asked);  // none of it can be begun
      if (!std::exchange(working, true)) round();
    });
  }

  // Requests that come in between two rounds take part in the next.
  void round() {
    working = scheduler.work();
    count_pages();
    if (working) boost::asio::post(worker, [this] { round(); });
  }

  void count_pages() { metrics.cache(model.batch().pages() - model.batch().free_pages(), model.batch().pages()); }

  // The job with what all jobs of a request do beside their own.
  infer::GenerationJob of_request(const std::shared_ptr<Asked>& asked, infer::GenerationJob job) {
    struct Times {
      double queued = 0, first = 0;
    };
    const auto times = std::make_shared<Times>();
    const auto prompt_tokens = static_cast<std::int64_t>(job.prompt.size());
    job.cancelled = [asked] { return asked->failed || asked->to.reply->client_gone(); };
    job.on_start = [this, asked, times] {
      times->queued = seconds_since(asked->to.arrived);
      leave_queue(*asked);
    };
    job.on_token = [asked, times, own = std::move(job.on_token)](const infer::GeneratedToken& token, const std::string& shown) {
      if (times->first == 0) times->first = seconds_since(asked->to.arrived);
      if (own) own(token, shown);
    };
    job.on_done = [this, asked, times, prompt_tokens, own = std::move(job.on_done)](infer::Generation result) {
      count_pages();  // before anyone hears of it
      attempt(*asked, [&] {
        metrics.generation(prompt_tokens, static_cast<std::int64_t>(result.tokens.size()),
                           infer::finish_reason_name(result.finish), times->queued, times->first,
                           seconds_since(asked->to.arrived));
        own(std::move(result));
      });
      one_done(*asked);
    };
    job.on_failed = [this, asked](const std::exception_ptr& error) {
      count_pages();
      attempt(*asked, [&] { std::rethrow_exception(error); });
      one_done(*asked);
    };
    return job;
  }

  void leave_queue(Asked& asked) {
    if (std::exchange(asked.started, true)) return;
    waiting.fetch_sub(1);
    metrics.waiting(-1);
    metrics.running(1);
  }

  void one_done(Asked& asked) {
    if (--asked.left > 0) return;
    leave(asked);
    if (!asked.failed && !asked.to.reply->client_gone()) attempt(asked, [&] { asked.finish(); });
  }

  void leave(Asked& asked) {
    leave_queue(asked);  // one that was given up before it began
    metrics.running(-1);
  }

  // Work for one request on the worker: what it throws is that request's answer, and what is left of the request is given up.
  template <typename Work>
  void attempt(Asked& asked, Work&& work) {
    try {
      work();
    } catch (...) {
      if (!std::exchange(asked.failed, true)) fail_request(asked, std::current_exception());
    }
  }

  // After the headers an error can only be an event; no [DONE] follows it. Who cannot even be told that is cut off.
  void fail_request(const Asked& asked, const std::exception_ptr& error) {
    try {
      guarded(asked.to, [&] {
        try {
          std::rethrow_exception(error);
        } catch (const std::exception& failure) {
          log_warning(fmt::format("{}: {}", asked.to.route, failure.what()));
          const ApiError answer(500, failure.what(), "", "internal_error");
          if (!asked.events) throw answer;
          asked.to.reply->write("data: " + answer.body() + "\n\n");
          asked.to.reply->end();
        }
      });
    } catch (const std::exception& failure) {
      log_warning(fmt::format("{}: an error could not be told: {}", asked.to.route, failure.what()));
    }
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

  // Before the first event.
  void begin_events(Asked& asked) {
    if (std::exchange(asked.events, true)) return;
    const Answering& to = asked.to;
    HttpHeaders headers = to.headers;
    headers["content-type"] = "text/event-stream; charset=utf-8";
    headers["cache-control"] = "no-cache";
    headers["x-accel-buffering"] = "no";
    metrics.request(to.route, 200);
    to.reply->begin_stream(200, headers);
  }

  void end_events(Asked& asked) {
    begin_events(asked);
    asked.to.reply->write("data: [DONE]\n\n");
    asked.to.reply->end();
  }

  // As many answers as the request asks for, each with a seed of its own.
  infer::GenerationJob job_of(const CommonRequest& request, const std::vector<std::int32_t>& prompt, int choice) const {
    infer::GenerationJob job{.prompt = prompt, .params = request.generation};
    job.params.sampling.seed += static_cast<std::uint64_t>(choice);
    return job;
  }

  void answer_chat(const Answering& to, const ChatRequest& request, const std::vector<std::int32_t>& prompt) {
    struct Chat : Asked {
      Chat(Answering answering, const ChatRequest& given) : Asked(std::move(answering)), request(given) {}
      ChatRequest request;
      AnswerHead head;
      Usage usage;
      std::vector<infer::Generation> choices;
    };
    const auto chat = std::make_shared<Chat>(to, request);
    chat->head = head("chatcmpl-");
    chat->usage.prompt_tokens = static_cast<std::int64_t>(prompt.size());
    chat->choices.resize(static_cast<std::size_t>(request.n));
    std::vector<infer::GenerationJob> jobs;
    for (int i = 0; i < request.n; ++i) {
      jobs.push_back(job_of(request, prompt, i));
      if (request.stream) {
        stream_choice(chat, i, jobs.back());
        continue;
      }
      jobs.back().on_done = [chat = chat.get(), i](infer::Generation result) {
        chat->usage.completion_tokens += static_cast<std::int64_t>(result.tokens.size());
        chat->choices[static_cast<std::size_t>(i)] = std::move(result);
      };
    }
    chat->finish = [this, chat = chat.get()] {
      if (!chat->request.stream)
        return finish(chat->to, chat_answer(chat->head, chat->choices, chat->request, model.tokenizer(), chat->usage));
      if (chat->request.include_usage)
        chat->to.reply->write(server_sent_event(usage_chunk(chat->head, "chat.completion.chunk", chat->usage)));
      end_events(*chat);
    };
    enqueue(chat, std::move(jobs));
  }

  // Choice `i` of a chat, piece by piece.
  template <typename Chat>
  void stream_choice(const std::shared_ptr<Chat>& asked, int i, infer::GenerationJob& job) {
    struct Shown {
      std::size_t bytes = 0;
      bool opened = false;
    };
    const auto shown = std::make_shared<Shown>();
    Chat* chat = asked.get();
    const auto send = [this, chat, shown, i](Json delta, const char* reason, Json logprobs) {
      const bool usage = chat->request.include_usage;
      std::string events;
      // The role comes in the same flush as the first text, so that time to first token is honest.
      if (!std::exchange(shown->opened, true))
        events = server_sent_event(chat_chunk(chat->head, i, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr, usage));
      begin_events(*chat);
      chat->to.reply->write(events +
                            server_sent_event(chat_chunk(chat->head, i, std::move(delta), reason, std::move(logprobs), usage)));
    };
    job.on_token = [this, chat, shown, send](const infer::GeneratedToken& token, const std::string& text) {
      shown->bytes += text.size();
      if (text.empty() && !chat->request.logprobs) return;
      send({{"content", text}}, nullptr, chat->request.logprobs ? chat_logprobs({token}, model.tokenizer()) : Json(nullptr));
    };
    job.on_done = [chat, shown, send](const infer::Generation& result) {
      if (result.text.size() > shown->bytes) send({{"content", result.text.substr(shown->bytes)}}, nullptr, nullptr);
      send(Json::object(), infer::finish_reason_name(result.finish), nullptr);
      chat->usage.completion_tokens += static_cast<std::int64_t>(result.tokens.size());
    };
  }

  void answer_completion(const Answering& to, const CompletionRequest& request,
                         const std::vector<std::vector<std::int32_t>>& prompts) {
    struct Completion : Asked {
      Completion(Answering answering, const CompletionRequest& given) : Asked(std::move(answering)), request(given) {}
      CompletionRequest request;
      AnswerHead head;
      Usage usage;
      std::vector<CompletionChoice> choices;
    };
    const auto asked = std::make_shared<Completion>(to, request);
    Completion* completion = asked.get();
    completion->head = head("cmpl-");
    completion->choices.resize(prompts.size() * static_cast<std::size_t>(request.n));
    std::vector<infer::GenerationJob> jobs;
    for (const std::vector<std::int32_t>& prompt : prompts) {
      completion->usage.prompt_tokens += static_cast<std::int64_t>(prompt.size());
      for (int i = 0; i < request.n; ++i) {
        const std::size_t index = jobs.size();
        jobs.push_back(job_of(request, prompt, i));
        if (request.stream) {
          stream_completion(completion, static_cast<int>(index), jobs.back());
          continue;
        }
        CompletionChoice& choice = completion->choices[index];
        if (request.echo) choice.prompt = prompt;
        if (request.echo && request.logprobs) {
          choice.prompt_scores.logprobs.resize(prompt.size());
          choice.prompt_scores.top.resize(prompt.size());
          jobs.back().on_prompt = [&choice, top = *request.logprobs](std::size_t at, std::span<const float> logits) {
            if (at + 1 == choice.prompt.size()) return;
            choice.prompt_scores.logprobs[at + 1] = infer::logprob_of(logits, choice.prompt[at + 1]);
            choice.prompt_scores.top[at + 1] = infer::top_logprobs(logits, top);
          };
        }
        jobs.back().on_done = [completion, &choice](infer::Generation result) {
          completion->usage.completion_tokens += static_cast<std::int64_t>(result.tokens.size());
          choice.generation = std::move(result);
        };
      }
    }
    completion->finish = [this, completion] {
      if (completion->request.stream) {
        if (completion->request.include_usage)
          completion->to.reply->write(server_sent_event(usage_chunk(completion->head, "text_completion", completion->usage)));
        return end_events(*completion);
      }
      Json choices = Json::array();
      for (const CompletionChoice& choice : completion->choices)
        choices.push_back(completion_choice(static_cast<int>(choices.size()), choice, completion->request, model.tokenizer()));
      finish(completion->to, completion_answer(completion->head, std::move(choices), completion->usage));
    };
    enqueue(asked, std::move(jobs));
  }

  template <typename Completion>
  void stream_completion(Completion* completion, int index, infer::GenerationJob& job) {
    const auto bytes = std::make_shared<std::size_t>(0);
    const auto send = [this, completion, index](const std::string& text, const char* reason) {
      begin_events(*completion);
      completion->to.reply->write(
          server_sent_event(completion_chunk(completion->head, index, text, reason, completion->request.include_usage)));
    };
    job.on_token = [bytes, send](const infer::GeneratedToken&, const std::string& text) {
      *bytes += text.size();
      if (!text.empty()) send(text, nullptr);
    };
    job.on_done = [completion, bytes, send](const infer::Generation& result) {
      send(result.text.substr(*bytes), infer::finish_reason_name(result.finish));
      completion->usage.completion_tokens += static_cast<std::int64_t>(result.tokens.size());
    };
  }

  void check_answer_length(std::int64_t max_tokens) const {
    if (options.max_tokens > 0 && max_tokens > options.max_tokens)
      throw ApiError(
          400, fmt::format("max_tokens: this server answers with at most {} tokens, found {}", options.max_tokens, max_tokens),
          "max_tokens");
  }

  void chat(const Answering& to, const std::string& body) {
    const ChatRequest request = read_chat_request(parse_request_body(body), options.default_max_tokens);
    check_model(request.model);
    check_answer_length(request.generation.max_tokens);
    const std::vector<std::int32_t> prompt = model.chat_prompt(request.messages, today());
    check_length(prompt);
    answer_chat(to, request, prompt);
  }

  void completion(const Answering& to, const std::string& body) {
    const CompletionRequest request = read_completion_request(parse_request_body(body));
    check_model(request.model);
    check_answer_length(request.generation.max_tokens);
    std::vector<std::vector<std::int32_t>> prompts;
    for (const auto& prompt : request.prompts) {
      prompts.push_back(model.completion_prompt(prompt));
      check_length(prompts.back());
      if (prompts.back().empty()) throw ApiError(400, "prompt: empty", "prompt");
    }
    answer_completion(to, request, prompts);
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
