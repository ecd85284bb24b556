#include "engine/text/tokenizer_files.h"

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "base/json.h"
#include "engine/text/byte_alphabet.h"
#include "engine/text/chat.h"
#include "engine/text/known_patterns.h"

namespace cairn::text {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

std::string quoted(const std::string& text) {
  return canonical_json(Json(text));
}

}  // namespace

const std::vector<std::string>& pii_markers() {
  static const std::vector<std::string> markers = {"<iban-pii>", "<email-pii>", "<ip-pii>"};
  return markers;
}

const std::vector<std::string>& apertus_special_tokens() {
  static const std::vector<std::string> tokens = {"<unk>",
                                                  "<s>",
                                                  "</s>",
                                                  "<pad>",
                                                  "<iban-pii>",
                                                  "<email-pii>",
                                                  "<ip-pii>",
                                                  "<|system_start|>",
                                                  "<|system_end|>",
                                                  "<|developer_start|>",
                                                  "<|developer_end|>",
                                                  "<|user_start|>",
                                                  "<|user_end|>",
                                                  "<|assistant_start|>",
                                                  "<|assistant_end|>",
                                                  "<|inner_prefix|>",
                                                  "<|inner_suffix|>",
                                                  "<|tools_prefix|>",
                                                  "<|tools_suffix|>"};
  return tokens;
}

std::vector<std::string> with_numbered_markers(std::vector<std::string> tokens, std::size_t size) {
  while (tokens.size() < size) tokens.push_back(fmt::format("<SPECIAL_{}>", tokens.size()));
  return tokens;
}

const std::vector<std::string>& apertus_plain_tokens() {
  static const std::vector<std::string> tokens = {"\\begin{",   "\\end{",      "\\text{", "\\boxed{",
                                                  "<iban-pii>", "<email-pii>", "<ip-pii>"};
  return tokens;
}

std::vector<std::string> apertus_token_block() {
  std::vector<std::string> block = with_numbered_markers({"<unk>", "<s>", "</s>", "<pad>"}, 1000);
  const auto put = [&](std::size_t first, const std::vector<std::string>& names) {
    std::copy(names.begin(), names.end(), block.begin() + static_cast<std::ptrdiff_t>(first));
  };
  put(14, {"\\begin{", "\\end{", "\\text{", "\\boxed{"});
  put(18, {"<filename>", "<gh_stars>", "<issue_start>", "<issue_comment>", "<issue_closed>", "<jupyter_start>", "<jupyter_text>",
           "<jupyter_code>", "<jupyter_output>", "<empty_output>", "<commit_before>", "<commit_msg>", "<commit_after>",
           "<reponame>"});
  put(32, {"<think>", "</think>", "<answer>", "</answer>", "<iban-pii>", "<email-pii>", "<ip-pii>", "<file_sep>",
           "<code_to_intermediate>", "<intermediate_to_code>"});
  put(58, {"<|fim_begin|>", "<|fim_hole|>", "<|fim_end|>"});
  put(61, {"<|system_start|>", "<|system_end|>", "<|developer_start|>", "<|developer_end|>", "<|user_start|>", "<|user_end|>",
           "<|assistant_start|>", "<|assistant_end|>", "<|inner_prefix|>", "<|inner_suffix|>", "<|tools_prefix|>",
           "<|tools_suffix|>"});
  return block;
}

std::string pre_tokenizer_json(const BpeTrainerOptions& options) {
  const auto& [pattern, digits] = std::tie(options.pattern, options.digits);
  if (digits > 0 && !is_pattern_name(pattern))
    fail_usage("digits {}: a regular expression of one's own says how many digits are a word", digits);
  if (digits > 0 && pattern == "gpt2") fail_usage("digits {}: the pattern gpt2 takes runs of digits whole", digits);
  if (options.digits_from_right && pattern == "gpt2")
    fail_usage("digits_from right: the pattern gpt2 takes runs of digits whole");
  if (pattern == "gpt2") return R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true})";
  KnownPattern named = is_pattern_name(pattern) ? pattern_named(pattern) : KnownPattern{};
  if (digits > 0) named.digits = digits;
  if (options.digits_from_right && (!is_pattern_name(pattern) || named.digits == 1))
    fail_usage("digits_from right: expected a named pattern and digits of 2 to 9");
  named.digits_from_right = options.digits_from_right;
  const std::string regex = is_pattern_name(pattern) ? pattern_regex(named) : pattern;
  return fmt::format(
      R"({{"type": "Sequence", "pretokenizers": [{{"type": "Split", "pattern": {{"Regex": {}}}, "behavior": "Isolated", "invert": false}}, )"
      R"({{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}}]}})",
      quoted(regex));
}

std::string tokenizer_json(const TrainedBpe& bpe, const BpeTrainerOptions& options) {
  const std::size_t special = options.special_tokens.size();
  const auto written = [&](TokenId id) {
    const std::string& token = bpe.tokens[static_cast<std::size_t>(id)];
    return quoted(static_cast<std::size_t>(id) < special ? token : to_alphabet(token));
  };
  std::string text = "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": [";
  for (std::size_t id = 0; id < special; ++id) {
    const bool plain = contains(options.plain_tokens, options.special_tokens[id]);
    text += fmt::format(
        "{}\n    {{\"id\": {}, \"content\": {}, \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": "
        "false, "
        "\"special\": {}}}",
        id ? "," : "", id, quoted(options.special_tokens[id]), plain ? "false" : "true");
  }
  text += fmt::format("\n  ],\n  \"normalizer\": null,\n  \"pre_tokenizer\": {},\n", pre_tokenizer_json(options));
  const auto bos = std::find(options.special_tokens.begin(), options.special_tokens.end(), "<s>");
  if (bos == options.special_tokens.end()) {
    text += "  \"post_processor\": null,\n";
  } else {  // as Apertus: plain text gets <s> in front and no </s>
    text += fmt::format(
        "  \"post_processor\": {{\"type\": \"TemplateProcessing\", \"single\": [{0}, {{\"Sequence\": {{\"id\": \"A\", "
        "\"type_id\": 0}}}}], "
        "\"pair\": [{0}, {{\"Sequence\": {{\"id\": \"A\", \"type_id\": 0}}}}, {{\"Sequence\": {{\"id\": \"B\", \"type_id\": "
        "0}}}}], "
        "\"special_tokens\": {{\"<s>\": {{\"id\": \"<s>\", \"ids\": [{1}], \"tokens\": [\"<s>\"]}}}}}},\n",
        R"({"SpecialToken": {"id": "<s>", "type_id": 0}})", bos - options.special_tokens.begin());
  }
  text += "  \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": true, \"use_regex\": true},\n";
  text +=
      "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": null,\n    "
      "\"continuing_subword_prefix\": null,\n";
  text +=
      "    \"end_of_word_suffix\": null,\n    \"fuse_unk\": false,\n    \"byte_fallback\": false,\n    \"ignore_merges\": "
      "false,\n";
  text += "    \"vocab\": {";
  for (std::size_t id = 0; id < bpe.tokens.size(); ++id) {
    text += fmt::format("{}\n      {}: {}", id ? "," : "", written(static_cast<TokenId>(id)), id);
  }
  text += "\n    },\n    \"merges\": [";
  for (std::size_t i = 0; i < bpe.merges.size(); ++i) {
    text += fmt::format("{}\n      [{}, {}]", i ? "," : "", written(bpe.merges[i].first), written(bpe.merges[i].second));
  }
  return text + "\n    ]\n  }\n}\n";
}

std::string tokenizer_config_json(const BpeTrainerOptions& options) {
  Json config = {
      {"tokenizer_class", "PreTrainedTokenizerFast"}, {"clean_up_tokenization_spaces", false}, {"model_max_length", 65536}};
  const std::pair<const char*, const char*> names[] = {
      {"unk_token", "<unk>"}, {"bos_token", "<s>"}, {"eos_token", "</s>"}, {"pad_token", "<pad>"}};
  for (const auto& [key, token] : names) {
    if (contains(options.special_tokens, token)) config[key] = token;
  }
  const auto& needed = chat_tokens();
  if (std::all_of(needed.begin(), needed.end(),
                  [&](const std::string& token) { return contains(options.special_tokens, token); })) {
    config["chat_template"] = chat_template();
  }
  return pretty_json(config);
}

}  // namespace cairn::text
