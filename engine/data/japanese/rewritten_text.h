// A text as Sudachi looks words up in it, and where each byte of it stands in the text as written: small letters, compatibility
// forms resolved, some characters replaced (rewrite.def), runs of prolonged sound marks made one, readings in brackets left out.
//
// source: github.com/WorksApplications/sudachi.rs, sudachi/src/plugin/input_text and input_text/buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/data/japanese/character_classes.h"

namespace cairn::data {

struct RewrittenText {
  std::string text{};
  std::vector<std::size_t> places{};  // by byte of `text`, and one behind the last: its byte in the text as written
};

// Which of the rewritings there are, and with what.
struct RewriteSettings {
  bool normalises = false;  // by rewrite.def
  std::vector<char32_t> sound_marks{};
  std::string sound_mark{};  // what a run of two or more of them becomes
  std::vector<char32_t> left_brackets{}, right_brackets{};
  std::size_t longest_reading = 0;  // characters between them, behind a kanji
};

class TextRewriter {
 public:
  // `rewrite_def`: the content of the file, named so in errors.
  TextRewriter(RewriteSettings settings, std::string_view rewrite_def, const std::string& name, const CharacterClasses& classes);

  RewrittenText rewrite(std::string_view text) const;  // valid UTF-8

 private:
  struct Edit {
    std::size_t begin, end;
    std::string with;
  };
  static void apply(const std::vector<Edit>& edits, RewrittenText& text);
  std::vector<Edit> normalised(std::string_view text) const;
  std::vector<Edit> without_long_sound_marks(std::string_view text) const;
  std::vector<Edit> without_readings(std::string_view text) const;
  const std::string* replacement(std::string_view text, std::size_t at, bool longest, std::size_t& end) const;

  RewriteSettings settings_;
  const CharacterClasses& classes_;
  std::unordered_set<char32_t> left_alone_;
  std::unordered_map<std::string, std::string> replacements_;
  std::unordered_map<char32_t, std::size_t> longest_;  // bytes of the longest that begins so
};

}  // namespace cairn::data
