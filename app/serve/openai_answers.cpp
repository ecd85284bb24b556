// Writing answers (app/serve/openai.h).
#include "app/serve/openai.h"
#include "base/json.h"
#include "engine/text/unicode.h"

namespace cairn::app {
namespace {

// One token's text as JSON can hold it; `bytes` carries what it really is.
std::string shown_token(const text::Tokenizer& tokenizer, std::int32_t token) {
  return text::utf8_lossy(tokenizer.token_bytes(token));
}

Json bytes_json(const std::string& bytes) {
  Json list = Json::array();
  for (const char c : bytes) list.push_back(static_cast<unsigned char>(c));
  return list;
}

Json head_json(const AnswerHead& head, const char* object) {
  return {{"id", head.id},
          {"object", object},
          {"created", head.created},
          {"model", head.model},
          {"system_fingerprint", head.fingerprint}};
}

// The legacy form: parallel lists. `top_logprobs` holds the asked-for most likely tokens and, where the token itself is not among
// them, the token too, with the very same number (spec/inference.md §3.3).
class CompletionLogprobs {
 public:
  explicit CompletionLogprobs(const text::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void add(std::int32_t token, std::optional<double> logprob, const std::vector<infer::TokenScore>& top, bool top_wanted) {
    const std::string text = shown_token(tokenizer_, token);
    tokens_.push_back(text);
    offsets_.push_back(offset_);
    for (const char c : text) offset_ += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    logprobs_.push_back(logprob ? Json(*logprob) : Json(nullptr));
    if (!logprob || !top_wanted) {
      top_.push_back(nullptr);
      return;
    }
    Json entry = Json::object();
    for (const infer::TokenScore& score : top) {
      const std::string name = shown_token(tokenizer_, score.token);
      if (!entry.contains(name) || entry[name].get<double>() < score.logprob) entry[name] = score.logprob;
    }
    if (!entry.contains(text)) entry[text] = *logprob;
    top_.push_back(std::move(entry));
  }
  Json json() const {
    return {{"tokens", tokens_}, {"token_logprobs", logprobs_}, {"top_logprobs", top_}, {"text_offset", offsets_}};
  }

 private:
  const text::Tokenizer& tokenizer_;
  Json tokens_ = Json::array(), logprobs_ = Json::array(), top_ = Json::array(), offsets_ = Json::array();
  std::int64_t offset_ = 0;
};

}  // namespace

Json usage_json(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", 0}}},
          {"completion_tokens_details", {{"reasoning_tokens", 0}}}};
}

Json chat_logprobs(const std::vector<infer::GeneratedToken>& tokens, const text::Tokenizer& tokenizer) {
  const auto entry = [&](std::int32_t token, double logprob) {
    return Json{
        {"token", shown_token(tokenizer, token)}, {"logprob", logprob}, {"bytes", bytes_json(tokenizer.token_bytes(token))}};
  };
  Json content = Json::array();
  for (const infer::GeneratedToken& token : tokens) {
    Json line = entry(token.token, token.logprob);
    line["top_logprobs"] = Json::array();
    for (const infer::TokenScore& score : token.top) line["top_logprobs"].push_back(entry(score.token, score.logprob));
    content.push_back(std::move(line));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

Json chat_answer(const AnswerHead& head, const std::vector<infer::Generation>& choices, const ChatRequest& request,
                 const text::Tokenizer& tokenizer, const Usage& usage) {
  Json answer = head_json(head, "chat.completion");
  answer["choices"] = Json::array();
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const infer::Generation& choice = choices[i];
    answer["choices"].push_back({{"index", i},
                                 {"message", {{"role", "assistant"}, {"content", choice.text}, {"refusal", nullptr}}},
                                 {"logprobs", request.logprobs ? chat_logprobs(choice.tokens, tokenizer) : Json(nullptr)},
                                 {"finish_reason", infer::finish_reason_name(choice.finish)},
                                 {"stop_reason", choice.stop.empty() ? Json(nullptr) : Json(choice.stop)}});
  }
  answer["usage"] = usage_json(usage);
  return answer;
}

Json chat_chunk(const AnswerHead& head, int index, Json delta, const char* finish_reason, Json logprobs, bool usage_wanted) {
  Json chunk = head_json(head, "chat.completion.chunk");
  chunk["choices"] = Json::array({{{"index", index},
                                   {"delta", std::move(delta)},
                                   {"logprobs", std::move(logprobs)},
                                   {"finish_reason", finish_reason ? Json(finish_reason) : Json(nullptr)}}});
  if (usage_wanted) chunk["usage"] = nullptr;
  return chunk;
}

Json usage_chunk(const AnswerHead& head, const char* object, const Usage& usage) {
  Json chunk = head_json(head, object);
  chunk["choices"] = Json::array();
  chunk["usage"] = usage_json(usage);
  return chunk;
}

Json completion_choice(int index, const CompletionChoice& choice, const CompletionRequest& request,
                       const text::Tokenizer& tokenizer) {
  std::string text = choice.generation.text;
  if (request.echo) text = text::utf8_lossy(tokenizer.decode(*choice.prompt, request.generation.skip_special_tokens)) + text;
  Json logprobs = nullptr;
  if (request.logprobs) {
    const bool top_wanted = *request.logprobs > 0;
    CompletionLogprobs lists(tokenizer);
    if (request.echo) {
      for (std::size_t i = 0; i < choice.prompt->size(); ++i)
        lists.add((*choice.prompt)[i], choice.prompt_scores->logprobs[i], choice.prompt_scores->top[i], top_wanted);
    }
    for (const infer::GeneratedToken& token : choice.generation.tokens)
      lists.add(token.token, token.logprob, token.top, top_wanted);
    logprobs = lists.json();
  }
  return {{"index", index},
          {"text", text},
          {"logprobs", std::move(logprobs)},
          {"finish_reason", infer::finish_reason_name(choice.generation.finish)},
          {"stop_reason", choice.generation.stop.empty() ? Json(nullptr) : Json(choice.generation.stop)}};
}

Json completion_answer(const AnswerHead& head, Json choices, const Usage& usage) {
  Json answer = head_json(head, "text_completion");
  answer["choices"] = std::move(choices);
  answer["usage"] = usage_json(usage);
  return answer;
}

Json completion_chunk(const AnswerHead& head, int index, const std::string& text, const char* finish_reason, bool usage_wanted) {
  Json chunk = head_json(head, "text_completion");
  chunk["choices"] = Json::array({{{"index", index},
                                   {"text", text},
                                   {"logprobs", nullptr},
                                   {"finish_reason", finish_reason ? Json(finish_reason) : Json(nullptr)}}});
  if (usage_wanted) chunk["usage"] = nullptr;
  return chunk;
}

std::string server_sent_event(const Json& data) {
  return "data: " + data.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n\n";
}

}  // namespace cairn::app
