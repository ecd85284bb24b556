// Chats and completions: from a request that has been read to the texts that answer it, whole or as a stream.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "app/serve/answer_queue.h"
#include "app/serve/openai.h"
#include "app/serve/served_model.h"

namespace cairn::app {

using PromptTokens = std::shared_ptr<const std::vector<std::int32_t>>;

// Both put the request into the queue, and throw what AnswerQueue::add does. As many answers as the request asks for, each with a
// seed of its own; a completion answers each prompt so often. `model` must outlive the queue.
void answer_chat(AnswerQueue& queue, const ServedModel& model, const Answering& to, ChatRequest request, PromptTokens prompt);
void answer_completion(AnswerQueue& queue, const ServedModel& model, const Answering& to, CompletionRequest request,
                       const std::vector<PromptTokens>& prompts);

}  // namespace cairn::app
