// The OpenAI API's requests and answers as values: read from JSON with errors that name the parameter, written as JSON. No
// sockets here. (spec/inference.md §3.)
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "engine/infer/generate.h"
#include "engine/text/chat.h"

namespace cairn::app {

// An answer that is an error object: {"error": {"message", "type", "param", "code"}}.
class ApiError : public std::exception {
 public:
  ApiError(int status, std::string message, std::string param = "", std::string code = "");
  const char* what() const noexcept override { return message_.c_str(); }
  int status() const { return status_; }
  std::string body() const;

 private:
  int status_;
  std::string message_, param_, code_;
};

struct CommonRequest {
  std::string model;
  infer::GenerationParams generation;
  int n = 1;
  bool stream = false;
  bool include_usage = false;
};

struct ChatRequest : CommonRequest {
  std::vector<text::ChatMessage> messages;
  bool logprobs = false;
};

struct CompletionRequest : CommonRequest {
  struct Prompt {
    std::string text;                  // or
    std::vector<std::int32_t> tokens;  // when is_tokens
    bool is_tokens = false;
  };
  std::vector<Prompt> prompts;
  bool echo = false;
  std::optional<std::int64_t> logprobs;
};

// `default_max_tokens` holds where the request names none. Throws ApiError (400 or 501). Unknown fields are ignored, null is
// absent.
ChatRequest read_chat_request(const Json& body, std::int64_t default_max_tokens);
CompletionRequest read_completion_request(const Json& body);
Json parse_request_body(const std::string& body);  // ApiError 400 unless a JSON object

// What every object of one answer shares.
struct AnswerHead {
  std::string id;            // chatcmpl-..., cmpl-...
  std::int64_t created = 0;  // seconds since 1970
  std::string model;
  std::string fingerprint;
};

struct Usage {
  std::int64_t prompt_tokens = 0, completion_tokens = 0;
};
Json usage_json(const Usage& usage);

Json chat_answer(const AnswerHead& head, const std::vector<infer::Generation>& choices, const ChatRequest& request,
                 const text::Tokenizer& tokenizer, const Usage& usage);
// A stream's chunk: `delta` and, at the end, a finish reason (else null).
Json chat_chunk(const AnswerHead& head, int index, Json delta, const char* finish_reason, Json logprobs, bool usage_wanted);
Json usage_chunk(const AnswerHead& head, const char* object, const Usage& usage);
Json chat_logprobs(const std::vector<infer::GeneratedToken>& tokens, const text::Tokenizer& tokenizer);

// Scores of a prompt's own tokens, for echo: entry i is about token i; entry 0 has none.
struct PromptScores {
  std::vector<std::optional<double>> logprobs;
  std::vector<std::vector<infer::TokenScore>> top;
};

struct CompletionChoice {
  infer::Generation generation;
  std::vector<std::int32_t> prompt;  // echoed when the request says so
  PromptScores prompt_scores;
};
Json completion_choice(int index, const CompletionChoice& choice, const CompletionRequest& request,
                       const text::Tokenizer& tokenizer);
Json completion_answer(const AnswerHead& head, Json choices, const Usage& usage);
Json completion_chunk(const AnswerHead& head, int index, const std::string& text, const char* finish_reason, bool usage_wanted);

std::string server_sent_event(const Json& data);  // "data: {...}\n\n"

}  // namespace cairn::app
