// What a loaded tokenizer holds, in the order in which a text meets it; shared by tokenizer.cpp (encoding) and the readers of
// files.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"
#include "engine/text/added_tokens.h"
#include "engine/text/decoder.h"
#include "engine/text/model.h"
#include "engine/text/normalizer.h"
#include "engine/text/post_processor.h"
#include "engine/text/pre_tokenizer.h"
#include "engine/text/token_index.h"
#include "engine/text/tokenizer.h"
#include "engine/text/vocabulary.h"

namespace cairn::text {

struct RankFile;
struct SentencePieceFile;

struct Tokenizer::State {
  std::string origin;        // for errors
  std::uint64_t serial = 0;  // tells tokenizers apart in word caches; never 0
  AddedTokens added;
  NormalizerPtr normalizer;  // null: text stays as it is
  PreTokenizer pre_tokenizer;
  // Set when the model never looks across the place between another character and this one ("\u2581"): words are cut there.
  std::string cut_before;
  TokenIndex whole_words;              // of words(): ids that skip the model (ignore_merges)
  std::size_t longest_whole_word = 0;  // bytes; 0: there are none
  std::unique_ptr<const Model> model;
  PostProcessor post_processor;
  DecoderPtr decoder;

  std::vector<std::string> written;      // by id, as in the file
  std::vector<std::string> bytes;        // by id, the bytes that a byte-level token is
  bool decodes_bytes = false;            // text is `bytes` put together; otherwise the decoder makes it
  std::map<TokenId, std::string> shown;  // added tokens that decoding shows in their normalized form, as the library does
  bool decodes_byte_tokens = false;      // "<0x0A>" is a byte
  std::vector<bool> special;             // by id
  TokenIndex index;                      // by written form

  // Words as the model gets them, by id.
  const std::vector<std::string>& words() const { return pre_tokenizer.byte_level() ? bytes : written; }
  void find_whole_words(const std::vector<TokenId>& ids);

  static std::shared_ptr<const State> read(const Json& json, std::string_view origin);
  static std::shared_ptr<const State> from_ranks(const RankFile& file, std::string_view origin);
  static std::shared_ptr<const State> from_sentencepiece(const SentencePieceFile& file, std::string_view origin);
  static std::uint64_t next_serial();
};

}  // namespace cairn::text
