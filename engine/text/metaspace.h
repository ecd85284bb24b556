// Metaspace: SentencePiece's visible space (U+2581) in the pre-tokenizer and the decoder of a tokenizer.json.
#pragma once

#include <string>
#include <string_view>

#include "base/json_fwd.h"

namespace cairn::text {

inline constexpr const char* kMetaspace = "\xE2\x96\x81";

enum class PrependScheme { always, first, never };

struct Metaspace {
  std::string replacement = kMetaspace;  // one character, stands for a space
  PrependScheme prepend = PrependScheme::always;
  bool split = true;

  // Files before 0.15 say add_prefix_space instead of prepend_scheme.
  static Metaspace read(const Json& json, const std::string& origin);
};

// Whether somewhere in `token` another character stands before the mark.
bool crosses_mark(std::string_view token, std::string_view mark);

}  // namespace cairn::text
