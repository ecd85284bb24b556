// The `decoder` of a tokenizer: from the written forms of tokens to text. By the names of tokenizer.json: ByteLevel ByteFallback
// Fuse Strip Replace WordPiece Metaspace BPEDecoder CTC Sequence.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json_fwd.h"

namespace cairn::text {

class Decoder {
 public:
  virtual ~Decoder() = default;
  // Changes the tokens in place; put together they are the text. Written forms are valid UTF-8; what comes out is, except behind
  // ByteLevel, where it is the bytes that the tokens stand for.
  virtual void apply(std::vector<std::string>& tokens) const = 0;
};

using DecoderPtr = std::unique_ptr<const Decoder>;

// `json` is the value of the key "decoder"; null for null, which puts a space between tokens. Errors begin with `origin`.
DecoderPtr read_decoder(const Json& json, const std::string& origin);

std::string decode_tokens(const Decoder* decoder, std::vector<std::string> tokens);
// Whether text goes through a decoder of this type somewhere in the chain.
bool decoder_has(const Json& json, const std::string& type);

}  // namespace cairn::text
