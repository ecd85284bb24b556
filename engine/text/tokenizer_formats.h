// The formats that tokenizers come in, told apart by what is in the file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <variant>

#include "base/json.h"
#include "engine/text/rank_file.h"
#include "engine/text/sentencepiece_file.h"

namespace cairn::text {

// The file of a folder: tokenizer.json, tekken.json or tokenizer.model, the first that is there. A file is itself.
std::filesystem::path tokenizer_file(const std::filesystem::path& path);

// A tokenizer.json as JSON, or one of the others. Error naming `origin` when the bytes are none of them.
using TokenizerFile = std::variant<Json, RankFile, SentencePieceFile>;
TokenizerFile read_tokenizer_file(std::string_view bytes, const std::string& origin);

}  // namespace cairn::text
