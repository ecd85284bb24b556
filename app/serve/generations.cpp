#include "app/serve/generations.h"

#include <utility>

#include "base/format.h"
#include "base/json.h"
#include "lineage/ledger.h"

namespace cairn::app {
namespace {

AnswerHead answer_head(const ServedModel& model, const char* prefix) {
  std::string id = lineage::RunUuid::make(now_microseconds()).text();
  std::erase(id, '-');
  return {prefix + id, now_microseconds() / 1'000'000, model.name(),
          "cairn-" + (model.digest().empty() ? "unknown" : model.digest().substr(0, 19))};
}

struct Chat : Asked {
  Chat(const Answering& answering, const ServedModel& served, ChatRequest given)
      : Asked(answering), model(served), request(std::move(given)), head(answer_head(served, "chatcmpl-")) {
    choices.resize(static_cast<std::size_t>(request.n));
  }
  const ServedModel& model;
  ChatRequest request;
  AnswerHead head;
  Usage usage;
  std::vector<infer::Generation> choices;

  void answer() {
    if (!request.stream) return to.finish(chat_answer(head, choices, request, model.tokenizer(), usage));
    begin_events();
    if (request.include_usage) to.events(server_sent_event(usage_chunk(head, "chat.completion.chunk", usage)));
    to.end_events();
  }
};

struct Completion : Asked {
  Completion(const Answering& answering, const ServedModel& served, CompletionRequest given)
      : Asked(answering), model(served), request(std::move(given)), head(answer_head(served, "cmpl-")) {}
  const ServedModel& model;
  CompletionRequest request;
  AnswerHead head;
  Usage usage;
  std::vector<CompletionChoice> choices;

  void answer() {
    if (request.stream) {
      begin_events();
      if (request.include_usage) to.events(server_sent_event(usage_chunk(head, "text_completion", usage)));
      return to.end_events();
    }
    Json list = Json::array();
    for (const CompletionChoice& choice : choices)
      list.push_back(completion_choice(static_cast<int>(list.size()), choice, request, model.tokenizer()));
    to.finish(completion_answer(head, std::move(list), usage));
  }
};

// A job of `asked`, whose parameters it shares; its functions may hold `asked` as a plain pointer.
template <typename Kind>
infer::GenerationJob job_of(const std::shared_ptr<Kind>& asked, const PromptTokens& prompt, int choice) {
  return {.prompt = prompt,
          .params = std::shared_ptr<const infer::GenerationParams>(asked, &asked->request.generation),
          .seed = static_cast<std::uint64_t>(choice)};
}

// Choice `i` of a chat, piece by piece.
void stream_choice(Chat* chat, int i, infer::GenerationJob& job) {
  struct Shown {
    std::size_t bytes = 0;
    bool opened = false;
  };
  const auto shown = std::make_shared<Shown>();
  const auto send = [chat, shown, i](Json delta, const char* reason, Json logprobs) {
    const bool usage = chat->request.include_usage;
    std::string events;
    // The role comes in the same flush as the first text, so that time to first token is honest.
    if (!std::exchange(shown->opened, true))
      events = server_sent_event(chat_chunk(chat->head, i, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr, usage));
    events += server_sent_event(chat_chunk(chat->head, i, std::move(delta), reason, std::move(logprobs), usage));
    chat->begin_events();
    chat->to.events(std::move(events));
  };
  job.on_token = [chat, shown, send](const infer::GeneratedToken& token, const std::string& text) {
    shown->bytes += text.size();
    if (text.empty() && !chat->request.logprobs) return;
    send({{"content", text}}, nullptr, chat->request.logprobs ? chat_logprobs({token}, chat->model.tokenizer()) : Json(nullptr));
  };
  job.on_done = [chat, shown, send](const infer::Generation& result) {
    if (result.text.size() > shown->bytes) send({{"content", result.text.substr(shown->bytes)}}, nullptr, nullptr);
    send(Json::object(), infer::finish_reason_name(result.finish), nullptr);
    chat->usage.completion_tokens += static_cast<std::int64_t>(result.tokens.size());
  };
}

void stream_completion(Completion* completion, int index, infer::GenerationJob& job) {
  const auto bytes = std::make_shared<std::size_t>(0);
  const auto send = [completion, index](const std::string& text, const char* reason) {
    completion->begin_events();
    completion->to.events(
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

// What the prompt's own tokens score, as it is read.
void score_prompt(PromptScores* scores, const PromptTokens& prompt, std::int64_t top, infer::GenerationJob& job) {
  scores->logprobs.resize(prompt->size());
  scores->top.resize(prompt->size());
  job.on_prompt = [scores, prompt = prompt.get(), top](std::size_t at, std::span<const float> logits) {
    if (at + 1 == prompt->size()) return;
    scores->logprobs[at + 1] = infer::logprob_of(logits, (*prompt)[at + 1]);
    scores->top[at + 1] = infer::top_logprobs(logits, top);
  };
}

}  // namespace

void answer_chat(AnswerQueue& queue, const ServedModel& model, const Answering& to, ChatRequest request, PromptTokens prompt) {
  const auto asked = std::make_shared<Chat>(to, model, std::move(request));
  Chat* chat = asked.get();
  chat->usage.prompt_tokens = static_cast<std::int64_t>(prompt->size());
  std::vector<infer::GenerationJob> jobs;
  for (int i = 0; i < chat->request.n; ++i) {
    jobs.push_back(job_of(asked, prompt, i));
    if (chat->request.stream) {
      stream_choice(chat, i, jobs.back());
      continue;
    }
    jobs.back().on_done = [chat, i](infer::Generation result) {
      chat->usage.completion_tokens += static_cast<std::int64_t>(result.tokens.size());
      chat->choices[static_cast<std::size_t>(i)] = std::move(result);
    };
  }
  chat->finish = [chat] { chat->answer(); };
  queue.add(asked, std::move(jobs));
}

void answer_completion(AnswerQueue& queue, const ServedModel& model, const Answering& to, CompletionRequest request,
                       const std::vector<PromptTokens>& prompts) {
  const auto asked = std::make_shared<Completion>(to, model, std::move(request));
  Completion* completion = asked.get();
  const CompletionRequest& wanted = completion->request;
  completion->choices.resize(prompts.size() * static_cast<std::size_t>(wanted.n));
  std::vector<infer::GenerationJob> jobs;
  for (const PromptTokens& prompt : prompts) {
    completion->usage.prompt_tokens += static_cast<std::int64_t>(prompt->size());
    const auto scores = wanted.echo && wanted.logprobs ? std::make_shared<PromptScores>() : nullptr;
    for (int i = 0; i < wanted.n; ++i) {
      const std::size_t index = jobs.size();
      jobs.push_back(job_of(asked, prompt, i));
      if (wanted.stream) {
        stream_completion(completion, static_cast<int>(index), jobs.back());
        continue;
      }
      CompletionChoice& choice = completion->choices[index];
      if (wanted.echo) choice.prompt = prompt;
      choice.prompt_scores = scores;
      if (scores && i == 0) score_prompt(scores.get(), prompt, *wanted.logprobs, jobs.back());
      jobs.back().on_done = [completion, &choice](infer::Generation result) {
        completion->usage.completion_tokens += static_cast<std::int64_t>(result.tokens.size());
        choice.generation = std::move(result);
      };
    }
  }
  completion->finish = [completion] { completion->answer(); };
  queue.add(asked, std::move(jobs));
}

}  // namespace cairn::app
