// Chunks of text that split in their own way, or stay whole against the rules of words.cpp: contractions, abbreviations, faces.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

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
  // A chunk of 2 to 16 bytes as two numbers that, with its size, stand for it alone: nearly every word of a text is asked for, so
  // that is done without looking at single bytes.
  struct Key {
    std::uint64_t head = 0, tail = 0;
    bool operator==(const Key&) const = default;
    static Key of(std::string_view chunk);
    std::uint64_t hash(std::size_t size) const {
      const std::uint64_t h = (head ^ (tail * 0x9E3779B97F4A7C15u) ^ size) * 0xD6E8FEB86659FD93u;
      return h ^ (h >> 32);
    }
  };
  struct Slot {
    Key key;
    std::uint8_t size = 0;  // 0: empty
    Splits splits{};
  };
  void keep(std::string_view words);  // separated by spaces
  void part(std::string_view words);  // likewise, with '|' where they part
  void add(std::string chunk, std::size_t first, std::size_t second = 0);
  void contract(const std::string& word, const std::vector<std::string>& endings, bool with_have);
  void add_english();
  void index();

  std::map<std::string, Splits> all_;
  std::vector<Slot> slots_;         // open addressing; their number is a power of two
  std::bitset<8192> may_be_there_;  // by the low bits of the hash
};

// What French joins by a hyphen to a word that stays whole, in lower case: "demi" of "demi-tour".
bool is_french_prefix(std::string_view word);

}  // namespace cairn::data
