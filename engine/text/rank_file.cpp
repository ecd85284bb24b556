#include "engine/text/rank_file.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "engine/text/byte_alphabet.h"
#include "engine/text/json_fields.h"
#include "engine/text/known_patterns.h"

namespace cairn::text {
namespace {

constexpr std::size_t kMostTokenBytes = 512;

std::string token_of_base64(const std::string& text, const std::string& place) {
  std::string bytes;
  try {
    bytes = base64_decode(text);
  } catch (const Error& error) {
    fail("{}: {}", place, error.what());
  }
  if (bytes.empty() || bytes.size() > kMostTokenBytes)
    fail("{}: a token of {} bytes; expected 1 to {}", place, bytes.size(), kMostTokenBytes);
  return bytes;
}

AddedToken special_token(TokenId id, std::string content, bool special = true) {
  AddedToken token;
  token.id = id;
  token.content = std::move(content);
  token.special = special;
  token.normalized = false;
  return token;
}

// What goes with a tiktoken file of so many tokens.
struct KnownFile {
  std::size_t tokens;
  KnownPattern pattern;
  std::vector<std::pair<TokenId, const char*>> special;
  TokenId end;  // ids without a name below it are reserved
};

std::vector<KnownFile> known_files() {
  const KnownPattern gpt2, qwen{.family = PatternFamily::cl100k, .digits = 1},
      cl100k{.family = PatternFamily::cl100k, .digits = 3}, o200k{PatternFamily::tekken, 3, true, true, true};
  return {
      {50256, gpt2, {{50256, "<|endoftext|>"}}, 50257},
      {50280, gpt2, {{50256, "<|endoftext|>"}}, 50281},
      {100256,
       cl100k,
       {{100257, "<|endoftext|>"},
        {100258, "<|fim_prefix|>"},
        {100259, "<|fim_middle|>"},
        {100260, "<|fim_suffix|>"},
        {100276, "<|endofprompt|>"}},
       100277},
      {199998, o200k, {{199999, "<|endoftext|>"}, {200018, "<|endofprompt|>"}}, 200019},
      {128000,
       cl100k,
       {{128000, "<|begin_of_text|>"},
        {128001, "<|end_of_text|>"},
        {128004, "<|finetune_right_pad_id|>"},
        {128006, "<|start_header_id|>"},
        {128007, "<|end_header_id|>"},
        {128008, "<|eom_id|>"},
        {128009, "<|eot_id|>"},
        {128010, "<|python_tag|>"}},
       128256},
      {151643, qwen, {{151643, "<|endoftext|>"}, {151644, "<|im_start|>"}, {151645, "<|im_end|>"}}, 151646},
  };
}

std::vector<AddedToken> special_tokens_of(const KnownFile& known, const std::vector<RankedToken>& tokens) {
  std::vector<bool> taken(static_cast<std::size_t>(known.end), false);
  for (const RankedToken& token : tokens) {
    if (token.id < known.end) taken[static_cast<std::size_t>(token.id)] = true;
  }
  std::vector<AddedToken> special;
  int reserved = 0;
  for (TokenId id = 0; id < known.end; ++id) {
    if (taken[static_cast<std::size_t>(id)]) continue;
    const auto named =
        std::find_if(known.special.begin(), known.special.end(), [id](const auto& one) { return one.first == id; });
    special.push_back(special_token(id, named != known.special.end() ? std::string(named->second)
                                                                     : fmt::format("<|reserved_special_token_{}|>", reserved++)));
  }
  return special;
}

// Error when two ranks have the same bytes; `place_of(i)` names the i-th token.
template <typename Place>
void require_distinct(const std::vector<RankedToken>& tokens, const Place& place_of) {
  std::unordered_map<std::string_view, std::size_t> first;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto [known, is_new] = first.emplace(tokens[i].bytes, i);
    if (!is_new) fail("{}: the same bytes as rank {}", place_of(i), tokens[known->second].id);
  }
}

constexpr const char* kTekkenSpecial[] = {"<unk>",
                                          "<s>",
                                          "</s>",
                                          "[INST]",
                                          "[/INST]",
                                          "[AVAILABLE_TOOLS]",
                                          "[/AVAILABLE_TOOLS]",
                                          "[TOOL_RESULTS]",
                                          "[/TOOL_RESULTS]",
                                          "[TOOL_CALLS]",
                                          "[IMG]",
                                          "<pad>",
                                          "[IMG_BREAK]",
                                          "[IMG_END]",
                                          "[PREFIX]",
                                          "[MIDDLE]",
                                          "[SUFFIX]",
                                          "[SYSTEM_PROMPT]",
                                          "[/SYSTEM_PROMPT]",
                                          "[TOOL_CONTENT]"};

std::vector<AddedToken> tekken_special_tokens(const Json& json, std::size_t count, const std::string& origin) {
  std::vector<AddedToken> special;
  for (std::size_t id = 0; id < count; ++id)
    special.push_back(special_token(static_cast<TokenId>(id), fmt::format("<SPECIAL_{}>", id)));
  const auto listed = json.find("special_tokens");
  if (listed == json.end() || listed->is_null()) {  // files before v7 leave them to the reader
    for (std::size_t id = 0; id < std::min(count, std::size(kTekkenSpecial)); ++id) special[id].content = kTekkenSpecial[id];
    return special;
  }
  const Json& list = array_field(json, "special_tokens", origin);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string place = fmt::format("{}: special_tokens[{}]", origin, i);
    const std::string name = string_field(list[i], "token_str", place);
    const auto rank = static_cast<std::size_t>(id_value(list[i].value("rank", Json()), place + ".rank"));
    if (rank >= count) fail("{}.rank: {} is not below default_num_special_tokens, {}", place, rank, count);
    if (name.empty()) fail("{}.token_str: is empty", place);
    special[rank] = special_token(static_cast<TokenId>(rank), name, bool_field(list[i], "is_control", place, true));
  }
  return special;
}

}  // namespace

bool looks_like_tiktoken(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || space == 0 || space + 1 == line.size() || line.size() > 1000) return false;
  const auto base64 = [](unsigned char c) { return std::isalnum(c) || c == '+' || c == '/' || c == '='; };
  const auto digit = [](unsigned char c) { return std::isdigit(c) || c == '\r'; };
  return std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(space), base64) &&
         std::all_of(line.begin() + static_cast<std::ptrdiff_t>(space) + 1, line.end(), digit);
}

RankFile read_tiktoken(std::string_view text, const std::string& origin) {
  RankFile file;
  TokenId last = -1;
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const std::size_t newline = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(std::min(newline + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    const std::string place = fmt::format("{}: line {}", origin, line_number);
    const std::size_t space = line.find(' ');
    TokenId rank = -1;
    const char* end = line.data() + line.size();
    if (space == std::string_view::npos || std::from_chars(line.data() + space + 1, end, rank).ptr != end || rank < 0)
      fail("{}: expected a token in base64, a space and its rank, found \"{}\"", place, line.substr(0, 60));
    if (rank <= last) fail("{}: rank {} does not follow {}", place, rank, last);
    last = rank;
    file.tokens.push_back({token_of_base64(std::string(line.substr(0, space)), place), rank});
  }
  require_distinct(file.tokens, [&](std::size_t i) { return fmt::format("{}: rank {}", origin, file.tokens[i].id); });
  const std::vector<KnownFile> known = known_files();
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const KnownFile& one) { return one.tokens == file.tokens.size(); });
  if (found == known.end()) {
    std::string counts;
    for (const KnownFile& one : known) counts += fmt::format("{}{}", counts.empty() ? "" : ", ", one.tokens);
    fail("{}: {} tokens; pattern and special tokens are known for tiktoken files of {}", origin, file.tokens.size(), counts);
  }
  if (last >= found->end) fail("{}: rank {} is beyond the {} ids of such a file", origin, last, found->end);
  file.pattern = pattern_regex(found->pattern);
  file.special = special_tokens_of(*found, file.tokens);
  return file;
}

bool looks_like_tekken(const Json& json) {
  return json.is_object() && json.contains("config") && json.contains("vocab") && json["vocab"].is_array();
}

RankFile read_tekken(const Json& json, const std::string& origin) {
  const Json& config = object_field(json, "config", origin);
  const std::string place = origin + ": config";
  const auto count = [&](const char* key) {
    return static_cast<std::size_t>(id_value(config.value(key, Json()), fmt::format("{}.{}", place, key)));
  };
  const std::size_t size = count("default_vocab_size"), special = count("default_num_special_tokens");
  const Json& vocab = array_field(json, "vocab", origin);
  if (special > size || size - special > vocab.size())
    fail("{}: default_vocab_size {} with {} special tokens needs {} tokens, the file has {}", place, size, special,
         size - std::min(size, special), vocab.size());
  if (special > 1'000'000) fail("{}.default_num_special_tokens: {} is more than a million", place, special);
  RankFile file;
  file.pattern = string_field(config, "pattern", place);
  file.special = tekken_special_tokens(json, special, origin);
  for (std::size_t i = 0; i < size - special; ++i) {
    const std::string where = fmt::format("{}: vocab[{}]", origin, i);
    if (id_value(vocab[i].is_object() ? vocab[i].value("rank", Json()) : Json(), where + ".rank") != static_cast<TokenId>(i))
      fail("{}.rank: expected {}", where, i);
    file.tokens.push_back(
        {token_of_base64(string_field(vocab[i], "token_bytes", where), where + ".token_bytes"), static_cast<TokenId>(i)});
  }
  require_distinct(file.tokens, [&](std::size_t i) { return fmt::format("{}: vocab[{}].token_bytes", origin, i); });
  for (RankedToken& token : file.tokens) token.id += static_cast<TokenId>(special);
  return file;
}

std::vector<RankedMerge> ranked_merges(const std::vector<RankedToken>& tokens) {
  std::unordered_map<std::string_view, std::uint32_t> ranks;
  for (std::uint32_t rank = 0; rank < tokens.size(); ++rank) ranks.emplace(tokens[rank].bytes, rank);
  std::vector<RankedMerge> merges;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> parts;
  for (std::uint32_t rank = 0; rank < tokens.size(); ++rank) {
    const std::string_view bytes = tokens[rank].bytes;
    parts.clear();
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
      const auto left = ranks.find(bytes.substr(0, cut));
      if (left == ranks.end()) continue;
      const auto right = ranks.find(bytes.substr(cut));
      if (right != ranks.end()) parts.emplace_back(left->second, right->second);
    }
    std::sort(parts.begin(), parts.end());
    for (const auto& [left, right] : parts) merges.push_back({tokens[left].id, tokens[right].id, tokens[rank].id, rank});
  }
  return merges;
}

Json pattern_pre_tokenizer(const std::string& pattern) {
  return {{"type", "Sequence"},
          {"pretokenizers",
           {{{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}},
            {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}}}}};
}

Json tokenizer_json_of(const RankFile& file) {
  Json vocab = Json::object(), merges = Json::array(), added = Json::array();
  std::unordered_map<TokenId, std::string> written;
  for (const RankedToken& token : file.tokens) {
    const std::string& text = written.emplace(token.id, to_alphabet(token.bytes)).first->second;
    vocab[text] = token.id;
  }
  for (const RankedMerge& merge : ranked_merges(file.tokens)) merges.push_back({written.at(merge.left), written.at(merge.right)});
  for (const AddedToken& token : file.special) {
    added.push_back({{"id", token.id},
                     {"content", token.content},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", token.special}});
    vocab[token.content] = token.id;
  }
  const Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", pattern_pre_tokenizer(file.pattern)},
          {"post_processor", nullptr},
          {"decoder", byte_level},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", true},
            {"vocab", vocab},
            {"merges", merges}}}};
}

}  // namespace cairn::text
