// Japanese words by a dictionary that the user brings, as Sudachi finds them (its files, its answers): of all ways to cut a text
// into words of the dictionary and made-up ones the cheapest, then numbers and katakana that belong together joined, and long
// words taken apart (mode A), as datatrove and spaCy have it.
//
// source: the algorithm of SudachiPy 0.7 (github.com/WorksApplications/sudachi.rs) and of datatrove's Japanese tokenizer; nothing
// of its data is built in.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "engine/data/japanese/character_classes.h"
#include "engine/data/japanese/rewritten_text.h"
#include "engine/data/japanese/sudachi_dictionary.h"
#include "engine/data/japanese/sudachi_settings.h"

namespace cairn::data {

class JapaneseWords {
 public:
  // `folder` holds system.dic (of sudachidict_core, or another of its sizes) and char.def, unk.def, rewrite.def and sudachi.json
  // (of sudachipy). Error naming the file, and the line where it has lines, or what is missing.
  explicit JapaneseWords(const std::filesystem::path& folder);

  struct Files {
    std::string_view dictionary;  // must outlive the object
    std::string char_def, unk_def, rewrite_def, settings;
  };
  JapaneseWords(const Files& files, const std::string& folder);  // contents; named so in errors

  // Views into `text`, which is valid UTF-8, appended to `words`; white space is none, and no word begins or ends with it. Time:
  // linear, for stretches of 40,000 bytes are looked at one by one.
  void split(std::string_view text, std::vector<std::string_view>& words) const;

 private:
  struct Input;
  struct Lattice;
  struct Word;
  JapaneseWords(MappedFile dictionary, const std::filesystem::path& folder);
  void split_stretch(std::string_view text, std::vector<std::string_view>& words) const;
  Lattice lattice_of(const Input& input) const;
  void make_up_words(const Input& input, std::size_t at, bool in_dictionary, Lattice& lattice) const;
  void join_numbers(const Input& input, std::vector<Word>& path) const;
  void join_katakana(const Input& input, const Lattice& lattice, std::vector<Word>& path) const;
  std::string normal_form(const Input& input, const Word& word) const;
  char normal_character(const Input& input, const Word& word) const;

  MappedFile file_;
  std::string name_;  // of the dictionary
  SudachiDictionary dictionary_;
  CharacterClasses classes_;
  SudachiSettings settings_;
  TextRewriter rewriter_;
  int number_part_of_speech_ = -1;
};

}  // namespace cairn::data
