// What a loaded tokenizer holds; shared by tokenizer.cpp (encoding) and tokenizer_json.cpp (reading).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json_fwd.h"
#include "engine/text/added_tokens.h"
#include "engine/text/bpe.h"
#include "engine/text/pre_tokenizer.h"
#include "engine/text/token_index.h"
#include "engine/text/tokenizer.h"

namespace cairn::text {

struct Tokenizer::State {
  std::string origin;                                         // for errors
  std::uint64_t serial = 0;                                   // tells tokenizers apart in word caches; never 0
  std::vector<std::string> written;                           // by id, as in the file
  std::vector<std::string> bytes;                             // by id, what it stands for in text
  std::vector<bool> special;                                  // by id
  TokenIndex index;                                           // by written form
  std::unordered_map<std::string_view, TokenId> whole_words;  // by bytes, when the model says ignore_merges; views into `bytes`
  AddedTokens added;
  PreTokenizer pre_tokenizer;
  Bpe bpe;

  static std::shared_ptr<const State> read(const Json& json, std::string_view origin);
};

}  // namespace cairn::text
