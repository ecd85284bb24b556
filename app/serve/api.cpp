#include "app/serve/api.h"

#include <algorithm>
#include <set>
#include <utility>

#include "app/serve/answer_queue.h"
#include "app/serve/generations.h"
#include "base/background_queue.h"
#include "base/error.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/json.h"
#include "lineage/ledger.h"

namespace cairn::app {
namespace {

constexpr std::size_t kShortBody = 64 << 10;  // bytes; to read more takes longer than others should wait

std::string random_id(const char* prefix) {
  std::string text = lineage::RunUuid::make(now_microseconds()).text();
  std::erase(text, '-');
  return prefix + text;
}

ApiOptions complete(ApiOptions options) {
  if (options.max_tokens > 0) {
    options.default_max_tokens = std::min(options.default_max_tokens, options.max_tokens);
    options.default_completion_tokens = std::min(options.default_completion_tokens, options.max_tokens);
  }
  return options;
}

}  // namespace

std::string api_error_body(int status, const std::string& message) {
  return ApiError(status, message).body();
}

struct Api::State {
  State(ServedModel& served, ApiOptions given)
      : model(served), options(complete(std::move(given))), metrics(served.name()), queue(served, metrics, options.queue) {}

  ServedModel& model;
  const ApiOptions options;
  ServerMetrics metrics;
  std::int64_t created = now_microseconds() / 1'000'000;
  AnswerQueue queue;
  BackgroundQueue reader{};  // of long bodies; last: it ends before what it uses goes

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
              {"dtype", model.dtype() == Dtype::bf16 ? "bfloat16" : "float32"},
              {"weights", model.digest().empty() ? Json(nullptr) : Json(model.digest())}}}};
  }

  void check_model(const std::string& name) const {
    if (name != model.name())
      throw ApiError(404, fmt::format("The model '{}' does not exist. This server has '{}'.", name, model.name()), "model",
                     "model_not_found");
  }

  void check_length(const std::vector<std::int32_t>& prompt, const char* field) const {
    if (static_cast<std::int64_t>(prompt.size()) >= model.max_length()) {
      throw ApiError(
          400,
          fmt::format("This model's maximum context length is {} tokens; the prompt has {}.", model.max_length(), prompt.size()),
          field, "context_length_exceeded");
    }
  }

  void check_answer_length(std::int64_t max_tokens) const {
    if (options.max_tokens > 0 && max_tokens > options.max_tokens)
      throw ApiError(
          400, fmt::format("max_tokens: this server answers with at most {} tokens, found {}", options.max_tokens, max_tokens),
          "max_tokens");
  }

  void chat(const Answering& to, const std::string& body) {
    ChatRequest request = read_chat_request(parse_request_body(body), options.default_max_tokens);
    check_model(request.model);
    check_answer_length(request.generation.max_tokens);
    const auto prompt = std::make_shared<const std::vector<std::int32_t>>(model.chat_prompt(request.messages, today()));
    check_length(*prompt, "messages");
    check_request_size(request, {static_cast<std::int64_t>(prompt->size())}, false, model.max_length());
    request.messages.clear();
    answer_chat(queue, model, to, std::move(request), prompt);
  }

  void completion(const Answering& to, const std::string& body) {
    CompletionRequest request = read_completion_request(parse_request_body(body), options.default_completion_tokens);
    check_model(request.model);
    check_answer_length(request.generation.max_tokens);
    std::vector<PromptTokens> prompts;
    std::vector<std::int64_t> lengths;
    for (const auto& prompt : request.prompts) {
      prompts.push_back(std::make_shared<const std::vector<std::int32_t>>(model.completion_prompt(prompt)));
      check_length(*prompts.back(), "prompt");
      if (prompts.back()->empty()) throw ApiError(400, "prompt: empty", "prompt");
      lengths.push_back(static_cast<std::int64_t>(prompts.back()->size()));
    }
    check_request_size(request, lengths, request.echo, model.max_length());
    request.prompts.clear();
    answer_completion(queue, model, to, std::move(request), prompts);
  }

  void tokenize(const Answering& to, const std::string& body) {
    const Json request = parse_request_body(body);
    const char* key = request.contains("prompt") ? "prompt" : "content";
    if (!request.contains(key) || !request[key].is_string()) throw ApiError(400, "prompt: expected a text", "prompt");
    const auto special = request.find("add_special_tokens");
    const bool given = special != request.end() && !special->is_null();
    if (given && !special->is_boolean()) throw ApiError(400, "add_special_tokens: expected true or false", "add_special_tokens");
    const auto& text = request[key].get_ref<const std::string&>();
    if (text.size() > RequestLimits::kTextBytes)
      throw ApiError(400,
                     fmt::format("prompt: expected at most {} bytes in a text, found {}", RequestLimits::kTextBytes, text.size()),
                     "prompt");
    std::vector<std::int32_t> ids = model.tokenizer().encode(text);
    if ((!given || special->get<bool>()) && model.config().bos >= 0) ids.insert(ids.begin(), model.config().bos);
    to.finish({{"tokens", ids}, {"count", ids.size()}, {"max_model_len", model.max_length()}});
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
    to.finish({{"prompt", text}, {"content", text}});
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
      if (queue.draining()) throw ApiError(503, "the server is shutting down", "", "503");
      return to.finish({{"status", "ok"}});
    }
    if (request.path == "/livez") return to.finish({{"status", "ok"}});
    if (request.path == "/metrics") {
      allow(get);
      return to.finish(200, metrics.render(), "text/plain; version=0.0.4; charset=utf-8");
    }
    if (!authorised(request))
      throw ApiError(401, "missing or unknown API key: send 'Authorization: Bearer KEY'", "", "invalid_api_key");
    if (request.path == "/v1/models") {
      allow(get);
      return to.finish({{"object", "list"}, {"data", Json::array({model_json()})}});
    }
    constexpr std::string_view kModel = "/v1/models/";
    if (request.path.compare(0, kModel.size(), kModel) == 0) {
      allow(get);
      check_model(request.path.substr(kModel.size()));
      return to.finish(model_json());
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

Api::~Api() = default;

void Api::drain() {
  state_->queue.drain();
}

void Api::handle(HttpRequest request, const std::shared_ptr<HttpReply>& reply) {
  // A route that does not exist must not become a label: clients choose paths.
  static const std::set<std::string> known{"/health",         "/readyz",    "/livez",
                                           "/metrics",        "/v1/models", "/v1/chat/completions",
                                           "/v1/completions", "/tokenize",  "/detokenize"};
  HttpHeaders headers;
  const auto id = request.headers.find("x-request-id");
  headers["x-request-id"] = id != request.headers.end() && id->second.size() <= 200 ? id->second : random_id("req-");
  if (!state_->options.allowed_origin.empty()) {
    headers["access-control-allow-origin"] = state_->options.allowed_origin;
    headers["access-control-allow-headers"] = "authorization, content-type";
    headers["access-control-allow-methods"] = "GET, POST, OPTIONS";
  }
  const Answering to(state_->metrics, reply, known.count(request.path) ? request.path : "other", std::move(headers));
  if (!state_->options.allowed_origin.empty() && request.method == "OPTIONS") return to.finish(204, "");
  if (request.body.size() <= kShortBody) return to.guarded([&] { state_->route(request, to); });
  state_->reader.submit(
      [state = state_.get(), request = std::move(request), to] { to.guarded([&] { state->route(request, to); }); });
}

}  // namespace cairn::app
