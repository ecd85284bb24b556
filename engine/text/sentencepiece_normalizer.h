// What SentencePiece does to text before it looks for pieces: the character map, extra spaces away, a space in front, spaces made
// visible. User-defined symbols pass untouched.
#pragma once

#include <string>
#include <vector>

#include "engine/text/normalizer.h"
#include "engine/text/sentencepiece_file.h"

namespace cairn::text {

NormalizerPtr sentencepiece_normalizer(const SentencePieceFile& file, const std::string& origin);

}  // namespace cairn::text
