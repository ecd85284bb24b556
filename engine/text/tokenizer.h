// Tokenizers as Hugging Face's tokenizer.json describes them (spec/apertus.md §6): added tokens are cut out, then normalizer,
// pre-tokenizer, model and post-processor, each of any kind that the format knows. SentencePiece models, tekken.json and tiktoken
// files are read too.
//
// Encoding equals the `tokenizers` library's (SentencePiece's, tiktoken's), id by id. A Tokenizer is immutable and may be used
// from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"

namespace cairn::text {

using TokenId = std::int32_t;

enum class SpecialTokens {
  parse,    // added tokens in the text become their ids, as in the `tokenizers` library
  as_text,  // text is only text: what a user typed can never become a special token. Added tokens that are not special (PII
            // markers) still do, as with the library's encode_special_tokens
};

class Tokenizer {
 public:
  // `path` is a tokenizer.json, a tekken.json, a tiktoken file or a SentencePiece model, or a folder that holds one. Errors name
  // the file, the place and what was expected.
  static Tokenizer load(const std::filesystem::path& path);
  static Tokenizer from_bytes(std::string_view bytes, std::string_view origin);
  static Tokenizer from_json(const Json& json, std::string_view origin);

  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // Never adds BOS or EOS; the caller does (pack, chat, evaluation each have their own rule). Invalid UTF-8 is encoded byte by
  // byte where the tokenizer is byte-level, and as U+FFFD elsewhere.
  std::vector<TokenId> encode(std::string_view text, SpecialTokens special = SpecialTokens::parse) const;
  void encode_to(std::string_view text, SpecialTokens special, std::vector<TokenId>& out) const;  // appends
  // As encode with what the tokenizer's post-processor puts around a text, or a pair: <s> ..., [CLS] ... [SEP] ... [SEP].
  std::vector<TokenId> with_special(const std::vector<TokenId>& ids) const;
  std::vector<TokenId> with_special(const std::vector<TokenId>& first, const std::vector<TokenId>& second) const;
  // Byte-level: the bytes of all tokens, back to back; decode(encode(text)) == text for any bytes when nothing is normalized. A
  // cut-off character stays as its bytes: utf8_lossy (unicode.h) gives what the `tokenizers` library shows instead. Elsewhere
  // what the tokenizer's decoder makes of the tokens. Error on an id outside the vocabulary.
  std::string decode(std::span<const TokenId> ids, bool skip_special = true) const;
  // What one token adds to a text that is under way (a part of a UTF-8 character, perhaps); what streaming needs.
  std::string token_bytes(TokenId id) const;

  std::int64_t vocab_size() const;                             // highest id + 1; every id below it has a token
  std::optional<TokenId> id_of(std::string_view token) const;  // by its written form: "<s>", "Ġthe"
  TokenId require(std::string_view token) const;               // as id_of, Error naming the tokenizer when missing
  bool is_special(TokenId id) const;

 private:
  struct State;
  class Encoder;
  const std::string& shown(TokenId id) const;  // as decoders get it; Error on an id outside the vocabulary
  explicit Tokenizer(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
};

}  // namespace cairn::text
