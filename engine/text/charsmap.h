// SentencePiece's precompiled character map: strings and what they become, as a double-array trie (Darts-clone) and a table of
// texts. nmt_nfkc and the maps that users compile have this form; tokenizer.json carries it in base64 ("Precompiled").
//
//   u32 bytes of the trie | trie, u32 units | texts, each ended by a zero byte          (little-endian)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::text {

class Charsmap {
 public:
  // Error beginning with `origin` on lengths that do not fit, and on a leaf whose text is not in the table, is not UTF-8 or has
  // more than 512 bytes.
  Charsmap(std::string_view blob, std::string_view origin);

  struct Match {
    std::size_t bytes;  // of the text that is replaced
    std::string_view replacement;
  };
  // The longest (the shortest) string of the map that `text`, valid UTF-8, begins with. Whole characters only.
  std::optional<Match> longest(std::string_view text) const { return find(text, true); }
  std::optional<Match> shortest(std::string_view text) const { return find(text, false); }

 private:
  void check_leaves() const;
  // Its text begins so far into the table.
  std::size_t text_of(std::uint32_t leaf) const { return leaf & 0x7FFFFFFF; }
  std::string_view text_at(std::size_t begin) const;
  std::optional<Match> find(std::string_view text, bool longest) const;

  std::string origin_;
  std::vector<std::uint32_t> units_;
  std::string texts_;
};

}  // namespace cairn::text
