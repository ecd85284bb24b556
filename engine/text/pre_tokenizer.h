// Cutting text into the pieces ("words") that BPE never merges across: the `pre_tokenizer` of a tokenizer.json.
//
// Understood: ByteLevel, Split, Digits and Sequence of those, as long as ByteLevel is there and comes last. Pieces are of the
// text's bytes; the byte-level alphabet is only a way to write them.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"
#include "engine/text/known_patterns.h"

namespace cairn::text {

class PreTokenizer {
 public:
  // `json` is the value of the key "pre_tokenizer"; errors begin with `origin`.
  PreTokenizer(const Json& json, std::string_view origin);
  explicit PreTokenizer(const KnownPattern& pattern);
  ~PreTokenizer();
  PreTokenizer(PreTokenizer&&) noexcept;
  PreTokenizer& operator=(PreTokenizer&&) noexcept;

  // Set when the whole pre-tokenizer is one known pattern: then next_piece() walks the text without a list.
  const std::optional<KnownPattern>& known() const { return known_; }
  // Never used by the program's own choice; tests and comparisons go through PCRE2 with it.
  void forget_known();

  // The pieces of valid UTF-8 `text` in order. Pieces point into `text`, or into `store` where a space was put in front.
  void split(std::string_view text, std::vector<std::string_view>& pieces, std::deque<std::string>& store) const;

 private:
  struct Stage;
  struct ByteLevel;
  void add(const Json& json, const std::string& origin, ByteLevel& byte_level);

  std::vector<Stage> stages_;
  std::optional<KnownPattern> known_;
};

}  // namespace cairn::text
