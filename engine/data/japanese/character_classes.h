// Classes of characters and the words that are made up where the dictionary has none, as Sudachi's char.def and unk.def name
// them.
//
// source: github.com/WorksApplications/sudachi.rs, sudachi/src/dic/character_category.rs and plugin/oov/mecab_oov.rs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/data/japanese/sudachi_dictionary.h"

namespace cairn::data {

// A set of classes.
using ClassBits = std::uint32_t;
inline constexpr ClassBits kDefaultClass = 1, kKanjiClass = 1 << 2, kNumericClass = 1 << 4, kAlphaClass = 1 << 5,
                           kHiraganaClass = 1 << 6, kKatakanaClass = 1 << 7, kKanjiNumericClass = 1 << 8, kGreekClass = 1 << 9,
                           kCyrillicClass = 1 << 10, kNotFirstClass = 1u << 30, kNotBehindClass = 1u << 31;
// What "ALL" names: every class, but neither of the last two.
inline constexpr ClassBits kAnyClass = 0x3FFFFFFF;

// A word that is not in the dictionary.
struct UnknownWord {
  std::uint16_t left = 0, right = 0;
  std::int16_t cost = 0;
  int part_of_speech = 0;
};

class CharacterClasses {
 public:
  // The contents of char.def and unk.def, named so in errors, which say the line.
  CharacterClasses(std::string_view char_def, const std::string& char_name, std::string_view unk_def, const std::string& unk_name,
                   const SudachiDictionary& dictionary);

  ClassBits of(char32_t character) const;
  // How words of characters of one class are made up: also where the dictionary has words; of all that follow one another; of
  // the first ones, up to so many. In the order of the classes' bits.
  struct Rule {
    ClassBits bit = 0;
    bool always = false, grouped = false;
    int most = 0;
    std::vector<UnknownWord> words{};
  };
  const std::vector<Rule>& rules() const { return rules_; }

 private:
  void read_classes(std::string_view text, const std::string& name);
  void read_words(std::string_view text, const std::string& name, const SudachiDictionary& dictionary);

  std::vector<std::uint32_t> begins_;  // of ranges of one set of classes each
  std::vector<ClassBits> classes_;
  std::vector<Rule> rules_;
};

// Refuses classes that the dictionary's matrix does not have.
void check_classes(const SudachiDictionary& dictionary, const UnknownWord& word, const std::string& place);

}  // namespace cairn::data
