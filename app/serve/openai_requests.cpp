// Reading requests (app/serve/openai.h).
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>

#include "app/serve/openai.h"
#include "base/error.h"
#include "base/json.h"

namespace cairn::app {
namespace {

const char* error_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    case 501:
      return "not_supported_error";
    case 503:
      return "unavailable_error";
    default:
      return status >= 500 || status == 408 ? "api_error" : "invalid_request_error";
  }
}

// A request's fields: null counts as absent, and every complaint names the field.
class Fields {
 public:
  explicit Fields(const Json& object, std::string prefix = "") : object_(object), prefix_(std::move(prefix)) {}

  const Json* find(const char* name) const {
    const auto at = object_.find(name);
    return at == object_.end() || at->is_null() ? nullptr : &*at;
  }
  [[noreturn]] void wrong(const char* name, const std::string& expected) const {
    throw ApiError(400, fmt::format("{}{}: expected {}, found {}", prefix_, name, expected, shown(*find(name))), prefix_ + name);
  }
  double number(const char* name, double otherwise) const {
    const Json* value = find(name);
    if (!value) return otherwise;
    if (!value->is_number()) wrong(name, "a number");
    return value->get<double>();
  }
  std::int64_t integer(const char* name, std::int64_t otherwise, std::int64_t low, std::int64_t high) const {
    const Json* value = find(name);
    if (!value) return otherwise;
    const bool whole =
        value->is_number_integer() || (value->is_number_float() && value->get<double>() == std::floor(value->get<double>()) &&
                                       std::abs(value->get<double>()) < 9e15);
    const bool too_large = value->is_number_unsigned() && value->get<std::uint64_t>() > INT64_MAX;
    const std::int64_t got = !whole || too_large          ? 0
                             : value->is_number_integer() ? value->get<std::int64_t>()
                                                          : static_cast<std::int64_t>(value->get<double>());
    if (!whole || too_large || got < low || got > high)
      wrong(name, high == INT64_MAX ? fmt::format("an integer of at least {}", low)
                                    : fmt::format("an integer from {} to {}", low, high));
    return got;
  }
  bool boolean(const char* name, bool otherwise) const {
    const Json* value = find(name);
    if (!value) return otherwise;
    if (!value->is_boolean()) wrong(name, "true or false");
    return value->get<bool>();
  }
  std::string text(const char* name) const {
    const Json* value = find(name);
    if (!value) throw ApiError(400, fmt::format("{}{}: missing", prefix_, name), prefix_ + name);
    if (!value->is_string()) wrong(name, "a text");
    return value->get<std::string>();
  }
  std::vector<std::string> texts(const char* name) const {
    const Json* value = find(name);
    if (!value) return {};
    if (value->is_string()) return {value->get<std::string>()};
    std::vector<std::string> out;
    if (!value->is_array()) wrong(name, "a text or a list of texts");
    for (const Json& item : *value) {
      if (!item.is_string()) wrong(name, "a text or a list of texts");
      out.push_back(item.get<std::string>());
    }
    return out;
  }
  void refuse(const char* name, const Json& harmless, const std::string& why) const {
    const Json* value = find(name);
    if (value && *value != harmless && !(value->is_array() && value->empty()))
      throw ApiError(501, fmt::format("{}{}: {}", prefix_, name, why), prefix_ + name);
  }

 private:
  static std::string shown(const Json& value) {
    const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return text.size() <= 60 ? text : text.substr(0, 57) + "...";
  }
  const Json& object_;
  std::string prefix_;
};

// `found` of what may be `limit`, all of a field.
void at_most(std::size_t limit, std::size_t found, const char* field, const char* what) {
  if (found > limit) throw ApiError(400, fmt::format("{}: expected at most {} {}, found {}", field, limit, what, found), field);
}

bool is_token_id(const Json& value) {
  return value.is_number_integer() && value.get<std::int64_t>() >= 0 && value.get<std::int64_t>() <= INT32_MAX;
}

void read_common(const Fields& fields, CommonRequest& request) {
  request.model = fields.text("model");
  request.n = static_cast<int>(fields.integer("n", 1, 1, 128));
  request.stream = fields.boolean("stream", false);
  if (const Json* options = fields.find("stream_options")) {
    if (!request.stream) throw ApiError(400, "stream_options: only allowed when stream is true", "stream_options");
    if (!options->is_object()) fields.wrong("stream_options", "an object");
    request.include_usage = Fields(*options, "stream_options.").boolean("include_usage", false);
  }
  infer::GenerationParams& generation = request.generation;
  infer::SamplingParams& sampling = generation.sampling;
  sampling.temperature = fields.number("temperature", 1);
  sampling.top_p = fields.number("top_p", 1);
  sampling.top_k = std::max<std::int64_t>(0, fields.integer("top_k", 0, -1, INT64_MAX));  // vLLM: -1 is all
  sampling.min_p = fields.number("min_p", 0);
  sampling.presence_penalty = fields.number("presence_penalty", 0);
  sampling.frequency_penalty = fields.number("frequency_penalty", 0);
  sampling.repetition_penalty = fields.number("repetition_penalty", 1);
  if (const Json* bias = fields.find("logit_bias")) {
    if (!bias->is_object()) fields.wrong("logit_bias", "an object of token ids");
    at_most(RequestLimits::kTokenIds, bias->size(), "logit_bias", "token ids");
    for (const auto& [token, value] : bias->items()) {
      if (token.empty() || token.size() > 9 || token.find_first_not_of("0123456789") != std::string::npos || !value.is_number())
        fields.wrong("logit_bias", "token ids and numbers");
      sampling.logit_bias[std::stoi(token)] = value.get<double>();
    }
  }
  if (fields.find("seed")) {
    sampling.seed = static_cast<std::uint64_t>(fields.integer("seed", 0, INT64_MIN, INT64_MAX));
  } else {
    std::random_device device;
    sampling.seed = static_cast<std::uint64_t>(device()) << 32 | device();
  }
  try {
    infer::check_sampling(sampling);
  } catch (const Error& error) {
    const std::string message = error.what();
    throw ApiError(400, message, message.substr(0, message.find(':')));
  }
  generation.stop = fields.texts("stop");
  at_most(RequestLimits::kStops, generation.stop.size(), "stop", "texts");
  for (const std::string& stop : generation.stop) at_most(RequestLimits::kStopBytes, stop.size(), "stop", "bytes in a text");
  if (const Json* ids = fields.find("stop_token_ids")) {
    if (!ids->is_array()) fields.wrong("stop_token_ids", "a list of token ids");
    at_most(RequestLimits::kTokenIds, ids->size(), "stop_token_ids", "token ids");
    for (const Json& id : *ids) {
      if (!is_token_id(id)) fields.wrong("stop_token_ids", "a list of token ids");
      generation.stop_tokens.push_back(id.get<std::int32_t>());
    }
  }
  generation.ignore_eos = fields.boolean("ignore_eos", false);
  generation.min_tokens = fields.integer("min_tokens", 0, 0, INT64_MAX);
  generation.skip_special_tokens = fields.boolean("skip_special_tokens", true);
  fields.refuse("response_format", Json{{"type", "text"}}, "only {\"type\": \"text\"} is supported in this version");
  fields.refuse("structured_outputs", nullptr, "not supported in this version");
}

std::string message_content(const Fields& fields) {
  const Json* content = fields.find("content");
  if (!content) return "";
  if (content->is_string()) return content->get<std::string>();
  if (!content->is_array()) fields.wrong("content", "a text or a list of text parts");
  std::string joined;
  for (const Json& part : *content) {
    if (!part.is_object() || !part.contains("type")) fields.wrong("content", "parts with a type");
    if (part["type"] != "text") throw ApiError(400, "content: only parts of type text are supported", "messages");
    joined += Fields(part, "content.").text("text");
  }
  return joined;
}

}  // namespace

ApiError::ApiError(int status, std::string message, std::string param, std::string code)
    : status_(status), message_(std::move(message)), param_(std::move(param)), code_(std::move(code)) {}

std::string ApiError::body() const {
  const Json error = {{"message", message_},
                      {"type", error_type(status_)},
                      {"param", param_.empty() ? Json(nullptr) : Json(param_)},
                      {"code", code_.empty() ? Json(nullptr) : Json(code_)}};
  return Json{{"error", error}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json parse_request_body(const std::string& body) {
  Json value;
  try {
    value = parse_json(body, "body");
  } catch (const Error& error) {
    throw ApiError(400, error.what());
  }
  if (!value.is_object()) throw ApiError(400, "body: expected a JSON object");
  return value;
}

ChatRequest read_chat_request(const Json& body, std::int64_t default_max_tokens) {
  const Fields fields(body);
  ChatRequest request;
  read_common(fields, request);
  const char* limit = fields.find("max_completion_tokens") ? "max_completion_tokens" : "max_tokens";
  request.generation.max_tokens = fields.integer(limit, default_max_tokens, 1, INT64_MAX);
  request.logprobs = fields.boolean("logprobs", false);
  const std::int64_t top = fields.integer("top_logprobs", 0, 0, 20);
  if (top > 0 && !request.logprobs) throw ApiError(400, "top_logprobs: only allowed when logprobs is true", "top_logprobs");
  if (request.logprobs) request.generation.top_logprobs = top;
  fields.refuse("tools", nullptr, "tools are not supported in this version");
  fields.refuse("functions", nullptr, "functions are not supported in this version");
  const Json* messages = fields.find("messages");
  if (!messages) throw ApiError(400, "messages: missing", "messages");
  if (!messages->is_array() || messages->empty()) fields.wrong("messages", "a list of at least one message");
  for (std::size_t i = 0; i < messages->size(); ++i) {
    const Json& message = (*messages)[i];
    if (!message.is_object()) fields.wrong("messages", "a list of objects");
    const Fields member(message, fmt::format("messages[{}].", i));
    const std::string role = member.text("role");
    if (role != "system" && role != "developer" && role != "user" && role != "assistant")
      member.wrong("role", "system, developer, user or assistant");
    std::string content = message_content(member);
    at_most(RequestLimits::kTextBytes, content.size(), "messages", "bytes in a text");
    request.messages.push_back({role, std::move(content)});
  }
  return request;
}

CompletionRequest read_completion_request(const Json& body, std::int64_t default_max_tokens) {
  const Fields fields(body);
  CompletionRequest request;
  read_common(fields, request);
  request.generation.max_tokens = fields.integer("max_tokens", default_max_tokens, 0, INT64_MAX);
  request.echo = fields.boolean("echo", false);
  if (request.generation.max_tokens == 0 && !request.echo)
    throw ApiError(400, "max_tokens: 0 is only allowed with echo", "max_tokens");
  if (fields.find("logprobs")) {
    request.logprobs = fields.integer("logprobs", 0, 0, 20);
    request.generation.top_logprobs = *request.logprobs;
  }
  fields.refuse("suffix", "", "this model does not fill in the middle");
  if (fields.integer("best_of", request.n, 1, 128) != request.n)
    throw ApiError(501, "best_of: only the value of n is supported", "best_of");
  if (request.stream && request.logprobs) throw ApiError(501, "logprobs: not supported together with stream", "logprobs");
  if (request.stream && request.echo) throw ApiError(501, "echo: not supported together with stream", "echo");
  const Json* prompt = fields.find("prompt");
  if (!prompt) throw ApiError(400, "prompt: missing", "prompt");
  const auto text_of = [](const Json& json) {
    CompletionRequest::Prompt out{json.get<std::string>(), {}, false};
    at_most(RequestLimits::kTextBytes, out.text.size(), "prompt", "bytes in a text");
    return out;
  };
  const auto tokens_of = [&](const Json& list) {
    CompletionRequest::Prompt out;
    out.is_tokens = true;
    for (const Json& id : list) {
      if (!is_token_id(id)) fields.wrong("prompt", "token ids");
      out.tokens.push_back(id.get<std::int32_t>());
    }
    return out;
  };
  if (prompt->is_string()) {
    request.prompts.push_back(text_of(*prompt));
  } else if (prompt->is_array() && !prompt->empty() && prompt->front().is_number()) {
    request.prompts.push_back(tokens_of(*prompt));
  } else if (prompt->is_array() && !prompt->empty()) {
    for (const Json& item : *prompt) {
      if (item.is_string())
        request.prompts.push_back(text_of(item));
      else if (item.is_array())
        request.prompts.push_back(tokens_of(item));
      else
        fields.wrong("prompt", "a text, a list of texts, or lists of token ids");
    }
  } else {
    fields.wrong("prompt", "a text, a list of texts, or lists of token ids");
  }
  if (request.prompts.size() * static_cast<std::size_t>(request.n) > RequestLimits::kAnswers) {
    throw ApiError(400,
                   fmt::format("n: {} answers to each of {} prompts: expected at most {} in all", request.n,
                               request.prompts.size(), RequestLimits::kAnswers),
                   "n");
  }
  return request;
}

void check_request_size(const CommonRequest& request, const std::vector<std::int64_t>& prompts, bool prompts_scored,
                        std::int64_t max_length) {
  const infer::GenerationParams& generation = request.generation;
  std::int64_t tokens = 0, scored = 0;
  for (const std::int64_t prompt : prompts) {
    const std::int64_t answer = std::clamp<std::int64_t>(max_length - prompt + 1, 0, generation.max_tokens);
    tokens += request.n * (prompt + answer);
    if (generation.top_logprobs >= 0) scored += request.n * (answer + (prompts_scored ? prompt : 0));
  }
  if (tokens > RequestLimits::kTokens) {
    throw ApiError(400,
                   fmt::format("max_tokens: {} answers would have up to {} tokens with their prompts, expected at most {}",
                               prompts.size() * static_cast<std::size_t>(request.n), tokens, RequestLimits::kTokens),
                   "max_tokens");
  }
  if (scored > 0 && scored > RequestLimits::kLogprobs / (1 + generation.top_logprobs)) {
    throw ApiError(400,
                   fmt::format("logprobs: {} tokens would have {} log-probabilities each, expected at most {} in all", scored,
                               1 + generation.top_logprobs, RequestLimits::kLogprobs),
                   "logprobs");
  }
}

}  // namespace cairn::app
