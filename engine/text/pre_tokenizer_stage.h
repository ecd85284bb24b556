// One stage of a pre-tokenizer: a piece of text becomes smaller pieces. By the names of tokenizer.json: Split Digits Punctuation
// Whitespace WhitespaceSplit BertPreTokenizer CharDelimiterSplit UnicodeScripts FixedLength (split_stages.cpp), Metaspace
// (metaspace.cpp), ByteLevel (pre_tokenizer.cpp).
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"
#include "engine/text/known_patterns.h"

namespace cairn::text {

class PreTokenizerStage {
 public:
  virtual ~PreTokenizerStage() = default;
  // Appends the pieces of `piece`, which is valid UTF-8 and not empty; they point into it, or into `store` where the stage
  // changes the text. `at_start`: the piece begins the whole text. Returns whether the first piece begins where `piece` does.
  virtual bool split(std::string_view piece, bool at_start, std::vector<std::string_view>& out,
                     std::deque<std::string>& store) const = 0;
};

using PreTokenizerStagePtr = std::unique_ptr<const PreTokenizerStage>;

// A split at a pattern; `known` when next_piece() finds its matches.
PreTokenizerStagePtr known_pattern_stage(const KnownPattern& pattern);
PreTokenizerStagePtr regex_stage(const std::string& regex, const std::string& origin);
// null: `type` is none of split_stages.cpp. `known` is set when the stage keeps every match of one known pattern, and nothing
// else.
PreTokenizerStagePtr split_stage(const std::string& type, const Json& json, const std::string& origin,
                                 std::vector<KnownPattern>& known);
PreTokenizerStagePtr metaspace_stage(const Json& json, const std::string& origin);

}  // namespace cairn::text
