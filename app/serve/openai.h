// The OpenAI API's requests and answers as values: read from JSON with errors that name the parameter, written as JSON. No
// sockets here. (spec/inference.md §3.)
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
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

// What one request may ask for at most, so that none takes what the others need. More is an ApiError (400) that names the field
// and the limit.
struct RequestLimits {
  static constexpr std::size_t kStops = 64;             // stop texts, and
  static constexpr std::size_t kStopBytes = 1000;       // bytes of one
  static constexpr std::size_t kTextBytes = 4 << 20;    // of a prompt, of a message: encoding takes up to 30 times as much
  static constexpr std::size_t kTokenIds = 4096;        // entries of stop_token_ids, and of logit_bias
  static constexpr std::size_t kAnswers = 1024;         // prompts * n
  static constexpr std::int64_t kTokens = 4'000'000;    // of all answers at their longest, each with its prompt
  static constexpr std::int64_t kLogprobs = 1'000'000;  // of those and of echoed prompts: tokens * (1 + top_logprobs)
};

// `prompts`: their lengths in tokens. An answer ends at the latest where prompt and answer have `max_length` tokens.
void check_request_size(const CommonRequest& request, const std::vector<std::int64_t>& prompts, bool prompts_scored,
                        std::int64_t max_length);

// `default_max_tokens` holds where the request names none. Throws ApiError (400 or 501). Unknown fields are ignored, null is
// absent.
ChatRequest read_chat_request(const Json& body, std::int64_t default_max_tokens);
CompletionRequest read_completion_request(const Json& body, std::int64_t default_max_tokens);
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
  std::shared_ptr<const std::vector<std::int32_t>> prompt;  // when the request wants it echoed, and
  std::shared_ptr<const PromptScores> prompt_scores;        // scored
};
Json completion_choice(int index, const CompletionChoice& choice, const CompletionRequest& request,
                       const text::Tokenizer& tokenizer);
Json completion_answer(const AnswerHead& head, Json choices, const Usage& usage);
Json completion_chunk(const AnswerHead& head, int index, const std::string& text, const char* finish_reason, bool usage_wanted);

std::string server_sent_event(const Json& data);  // "data: {...}\n\n"

}  // namespace cairn::app
