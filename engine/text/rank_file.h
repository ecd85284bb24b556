// Byte-level BPE as a list of tokens in the order of their ranks: Mistral's tekken.json and OpenAI's tiktoken files.
//
// Neither lists merges: two neighbours merge when their bytes together are a token, the lowest rank first; a word that is a token
// becomes it at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"
#include "engine/text/added_tokens.h"
#include "engine/text/model.h"

namespace cairn::text {

struct RankedToken {
  std::string bytes;
  TokenId id;
};

struct RankFile {
  std::string pattern;              // regular expression that cuts text into words
  std::vector<RankedToken> tokens;  // in rank order
  std::vector<AddedToken> special;
};

// Lines "base64 rank". Pattern and special tokens are not in the file; they are known by the number of tokens for GPT-2, p50k,
// cl100k, o200k, Llama 3 and Qwen. Error on others.
RankFile read_tiktoken(std::string_view text, const std::string& origin);
bool looks_like_tiktoken(std::string_view text);

// Special tokens come first, ids 0, 1, ...; those without a name are "<SPECIAL_n>". Of the vocabulary as much is used as the
// config says.
RankFile read_tekken(const Json& json, const std::string& origin);
bool looks_like_tekken(const Json& json);

struct RankedMerge {
  TokenId left, right, result;
  std::uint32_t rank;  // of the result; the same for all its merges
};

// Every pair of tokens that together are a token, by rank, then by the ranks of the two.
std::vector<RankedMerge> ranked_merges(const std::vector<RankedToken>& tokens);

// The "pre_tokenizer" of a tokenizer.json that cuts as `pattern` does.
Json pattern_pre_tokenizer(const std::string& pattern);

// As tokenizer.json, for the `tokenizers` library and all that builds on it.
Json tokenizer_json_of(const RankFile& file);

}  // namespace cairn::text
