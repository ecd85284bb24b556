#include "engine/text/chat.h"

#include <algorithm>

#include "base/error.h"

namespace cairn::text {
namespace {

// A part of a rendered conversation: one control token, or text.
struct Part {
  std::string text;
  bool control = false;
  bool assistant = false;
};

bool is_date(const std::string& date) {
  if (date.size() != 10 || date[4] != '-' || date[7] != '-') return false;
  for (const std::size_t i : {0, 1, 2, 3, 5, 6, 8, 9}) {
    if (date[i] < '0' || date[i] > '9') return false;
  }
  return true;
}

std::string system_text(const std::vector<ChatMessage>& messages, const ChatOptions& options) {
  std::string text;
  bool given = false;
  for (const ChatMessage& message : messages) {
    if (message.role != "system" && message.role != "developer") continue;
    if (given) text += "\n\n";
    text += message.content;
    given = true;
  }
  return given ? text : default_system_text(options.date);
}

std::vector<Part> parts_of(const std::vector<ChatMessage>& messages, const ChatOptions& options) {
  if (messages.empty()) fail_usage("messages: at least one message is expected");
  std::vector<Part> parts;
  const auto control = [&](const char* token, bool assistant = false) { parts.push_back({token, true, assistant}); };
  const auto text = [&](std::string written, bool assistant = false) {
    if (!written.empty()) parts.push_back({std::move(written), false, assistant});
  };
  control("<s>");
  control("<|system_start|>"), text(system_text(messages, options)), control("<|system_end|>");
  control("<|developer_start|>");
  text(std::string("Deliberation: ") + (options.thinking ? "enabled" : "disabled") + "\nTool Capabilities: disabled");
  control("<|developer_end|>");
  bool in_turn = false, user_seen = false;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    if (message.role == "user") {
      if (in_turn) control("<|assistant_end|>", true);
      in_turn = false, user_seen = true;
      control("<|user_start|>"), text(message.content), control("<|user_end|>");
    } else if (message.role == "assistant") {
      if (!user_seen) fail_usage("messages[{}]: an assistant message before any user message", i);
      if (!in_turn) control("<|assistant_start|>");
      in_turn = true;
      text(message.content, true);
    } else if (message.role != "system" && message.role != "developer") {
      fail_usage("messages[{}].role: expected system, developer, user or assistant, found \"{}\"", i, message.role);
    }
  }
  if (in_turn && options.close_last) control("<|assistant_end|>", true);
  if (options.add_generation_prompt) control("<|assistant_start|>");
  return parts;
}

}  // namespace

std::string default_system_text(const std::string& date) {
  if (!is_date(date)) fail_usage("the default system text needs a date of the form 2026-11-24, found \"{}\"", date);
  return "You are Apertus, a helpful assistant created by the SwissAI initiative.\nKnowledge cutoff: 2024-04\nCurrent date: " +
         date;
}

std::string render_chat(const std::vector<ChatMessage>& messages, const ChatOptions& options) {
  std::string text;
  for (const Part& part : parts_of(messages, options)) text += part.text;
  return text;
}

ChatTokens encode_chat(const Tokenizer& tokenizer, const std::vector<ChatMessage>& messages, const ChatOptions& options) {
  ChatTokens tokens;
  const std::vector<Part> parts = parts_of(messages, options);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].control) {
      tokens.ids.push_back(tokenizer.require(parts[i].text));
    } else {
      // Neighbouring texts of one turn are encoded together, as they would be in the rendered string.
      std::string text = parts[i].text;
      while (i + 1 < parts.size() && !parts[i + 1].control) text += parts[++i].text;
      tokenizer.encode_to(text, SpecialTokens::as_text, tokens.ids);
    }
    tokens.assistant.resize(tokens.ids.size(), parts[i].assistant ? 1 : 0);
  }
  return tokens;
}

TokenId end_of_turn(const Tokenizer& tokenizer) {
  return tokenizer.require("<|assistant_end|>");
}

const std::vector<std::string>& chat_tokens() {
  static const std::vector<std::string> tokens = {
      "<s>",          "<|system_start|>",    "<|system_end|>",   "<|developer_start|>", "<|developer_end|>", "<|user_start|>",
      "<|user_end|>", "<|assistant_start|>", "<|assistant_end|>"};
  return tokens;
}

std::string chat_template() {
  return R"JINJA({%- set ns = namespace(system=none, in_turn=false, user_seen=false) -%}
{%- if not messages -%}{{- raise_exception('at least one message is expected') -}}{%- endif -%}
{%- for message in messages -%}
  {%- if message.role in ['system', 'developer'] -%}
    {%- if ns.system is none -%}
      {%- set ns.system = message.content -%}
    {%- else -%}
      {%- set ns.system = ns.system + '\n\n' + message.content -%}
    {%- endif -%}
  {%- endif -%}
{%- endfor -%}
{%- if ns.system is none -%}
  {%- set today = date_string if date_string is defined else strftime_now('%Y-%m-%d') -%}
  {%- set ns.system = 'You are Apertus, a helpful assistant created by the SwissAI initiative.\nKnowledge cutoff: 2024-04\nCurrent date: ' + today -%}
{%- endif -%}
{{- '<s><|system_start|>' + ns.system + '<|system_end|><|developer_start|>Deliberation: ' -}}
{{- 'enabled' if enable_thinking is defined and enable_thinking else 'disabled' -}}
{{- '\nTool Capabilities: disabled<|developer_end|>' -}}
{%- for message in messages -%}
  {%- if message.role == 'user' -%}
    {%- if ns.in_turn -%}{{- '<|assistant_end|>' -}}{%- endif -%}
    {%- set ns.in_turn = false -%}
    {%- set ns.user_seen = true -%}
    {{- '<|user_start|>' + message.content + '<|user_end|>' -}}
  {%- elif message.role == 'assistant' -%}
    {%- if not ns.user_seen -%}{{- raise_exception('an assistant message before any user message') -}}{%- endif -%}
    {%- if not ns.in_turn -%}{{- '<|assistant_start|>' -}}{%- endif -%}
    {%- set ns.in_turn = true -%}
    {{- message.content -}}
  {%- elif message.role not in ['system', 'developer'] -%}
    {{- raise_exception('expected the role system, developer, user or assistant, found ' + message.role) -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant_start|>' -}}{%- endif -%}
)JINJA";
}

}  // namespace cairn::text
