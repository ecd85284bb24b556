// Chunks of text that split in their own way, or stay whole against the rules of words.cpp: contractions, abbreviations, faces.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/data/words.h"

namespace cairn::data {

class WordExceptions {
 public:
  // Length in bytes of each part but the last; {0, 0}: the chunk stays whole.
  using Splits = std::array<std::uint8_t, 2>;

  explicit WordExceptions(WordStyle style);
  const Splits* find(std::string_view chunk) const;  // nullptr: the rules hold

  static const WordExceptions& of(WordStyle style);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  void keep(std::string_view words);  // separated by spaces
  void add(std::string chunk, std::size_t first, std::size_t second = 0);
  void contract(const std::string& word, const std::vector<std::string>& endings, bool with_have);
  void add_english();

  std::unordered_map<std::string, Splits, Hash, std::equal_to<>> table_;
};

// What French joins by a hyphen to a word that stays whole, in lower case: "demi" of "demi-tour".
bool is_french_prefix(std::string_view word);

}  // namespace cairn::data
