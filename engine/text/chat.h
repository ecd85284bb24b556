// Conversations as the Apertus chat format writes them (spec/apertus.md §2.2): a system block, a generated developer block, then
// the turns, with no newline or space between.
//
//   <s><|system_start|>S<|system_end|><|developer_start|>Deliberation: disabled\nTool Capabilities: disabled<|developer_end|>
//   <|user_start|>Hi<|user_end|><|assistant_start|>
//
// What people wrote is always text: it is encoded as_text and can never become a control token.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/text/tokenizer.h"

namespace cairn::text {

struct ChatMessage {
  std::string role;  // "system", "developer", "user", "assistant"
  std::string content;
};

struct ChatOptions {
  std::string date = {};              // "YYYY-MM-DD", for the default system text; required when no message gives one
  bool thinking = false;              // "Deliberation: enabled"
  bool add_generation_prompt = true;  // end with <|assistant_start|>
  // End a conversation whose last message is the assistant's with <|assistant_end|>, which the format itself leaves open: for
  // training.
  bool close_last = false;
};

struct ChatTokens {
  std::vector<TokenId> ids;
  std::vector<std::uint8_t> assistant;  // 1: the assistant wrote it (content and <|assistant_end|>); what fine-tuning learns
};

// System and developer messages are joined, with an empty line between, into the system block; without any, the default text
// stands there. Consecutive assistant messages are one turn. Error (usage) on an unknown role, on an assistant message before any
// user's, on no messages, and when the default text needs a date and has none or not one of that form. Error when the tokenizer
// lacks a token.
ChatTokens encode_chat(const Tokenizer& tokenizer, const std::vector<ChatMessage>& messages, const ChatOptions& options);
// The same as one string.
std::string render_chat(const std::vector<ChatMessage>& messages, const ChatOptions& options);

std::string default_system_text(const std::string& date);

// The id that ends an assistant's turn: <|assistant_end|>.
TokenId end_of_turn(const Tokenizer& tokenizer);

// Tokens the format needs, and its template in Jinja for transformers (variables: messages, add_generation_prompt,
// enable_thinking, date_string). It renders what render_chat does.
const std::vector<std::string>& chat_tokens();
std::string chat_template();

}  // namespace cairn::text
