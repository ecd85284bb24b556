// What sudachi.json says: which of Sudachi's plugins take part, and with what.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/data/japanese/character_classes.h"
#include "engine/data/japanese/rewritten_text.h"

namespace cairn::data {

struct SudachiSettings {
  RewriteSettings rewrite{};
  bool makes_up_by_classes = false;                   // words, by char.def and unk.def
  UnknownWord unknown{};                              // anything else; its part of speech is below
  std::vector<std::string> unknown_part_of_speech{};  // six fields
  bool joins_numbers = false, normalises_numbers = true, joins_katakana = false;
  std::size_t shortest_katakana = 1;  // characters: shorter words are joined also where the dictionary has them

  // `json`: the content of sudachi.json, named so in errors. Error for a plugin that Cairn does not have, or in another order.
  static SudachiSettings read(std::string_view json, const std::string& name);
};

}  // namespace cairn::data
