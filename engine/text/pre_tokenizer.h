// Cutting text into the pieces ("words") that a model never looks across: the `pre_tokenizer` of a tokenizer.json, a chain of
// stages (pre_tokenizer_stage.h).
//
// ByteLevel writes bytes in an alphabet of printable characters. Where it comes last, as nearly always, that is only a way to
// write, and pieces are of the text's own bytes: byte_level(). Elsewhere it is a stage that rewrites the text.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"
#include "engine/text/known_patterns.h"
#include "engine/text/pre_tokenizer_stage.h"

namespace cairn::text {

class PreTokenizer {
 public:
  PreTokenizer() = default;  // a text is one piece
  // `json` is the value of the key "pre_tokenizer"; errors begin with `origin`. `bytes`: whether the model takes bytes.
  PreTokenizer(const Json& json, std::string_view origin, bool bytes = true);
  explicit PreTokenizer(const KnownPattern& pattern);  // byte-level

  // Pieces are bytes; otherwise they are characters.
  bool byte_level() const { return byte_level_; }
  // Set when the whole pre-tokenizer is one known pattern: then next_piece() walks the text without a list.
  const std::optional<KnownPattern>& known() const { return known_; }
  // Never used by the program's own choice; tests and comparisons go through PCRE2 with it.
  void forget_known();

  // The pieces of valid UTF-8 `text` in order. Pieces point into `text`, or into `store` where a stage changes it. `at_start`:
  // `text` begins the whole text that is encoded.
  void split(std::string_view text, std::vector<std::string_view>& pieces, std::deque<std::string>& store,
             bool at_start = true) const;

 private:
  void add(const Json& json, const std::string& origin);
  void add_known(const KnownPattern& pattern);

  std::string place_;
  std::vector<PreTokenizerStagePtr> stages_;
  std::vector<std::pair<std::size_t, KnownPattern>> known_stages_;  // which of them are known patterns
  bool byte_level_ = false;
  std::optional<KnownPattern> known_;
};

}  // namespace cairn::text
