// A text as filters look at it: its words, what is to be known of each, its sentences; each worked out once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/data/words.h"

namespace cairn::data {

// What filters ask of a word.
enum WordBits : std::uint8_t {
  kHasLetter = 1,
  kHasOther = 2,      // a character that is neither punctuation nor a terminal mark
  kHasNoMark = 4,     // a character that is not punctuation, symbol or terminal mark
  kEndsTerminal = 8,  // its last character is a terminal mark
};
struct WordFacts {
  std::uint32_t characters = 0;
  std::uint8_t bits = 0;
};
WordFacts facts_of(std::string_view word);

// Sentences, from the words of a text: one ends after a terminal mark (. ? ! 。 ...) when another word than punctuation follows.
// At least 1.
int count_sentences(std::span<const WordFacts> words);
int count_sentences(const std::vector<std::string_view>& words);

// A text with what several filters want to know of it, worked out once and when asked. The text must outlive it unchanged.
class TextAnalysis {
 public:
  explicit TextAnalysis(std::string_view text) : text_(text) {}
  // With words found by other means.
  TextAnalysis(std::string_view text, std::vector<std::string_view> words)
      : text_(text), words_(std::move(words)), unspaced_scale_(1) {}
  std::string_view text() const { return text_; }

  // Numbers that a filter's rules are held against (statistics.h), noted by it while it judges.
  struct Measure {
    std::uint32_t statistic = 0;
    double value = 0;
  };
  void measured(std::uint32_t statistic, double value) { measures_.push_back({statistic, value}); }
  std::vector<Measure>& measures() { return measures_; }

  const std::vector<std::string_view>& words();
  const std::vector<WordFacts>& facts();  // of the words
  std::size_t characters();               // code points of the text
  // The same text with words as `unspaced` has them: mostly this one itself. Measures are noted here all the same.
  TextAnalysis& reading(Unspaced unspaced);
  // 2 when most words are single letters of a script without spaces, else 1: how many of our words make one of the reader's.
  int unspaced_scale();

 private:
  std::string_view text_;
  std::optional<std::vector<std::string_view>> words_;
  std::optional<std::vector<WordFacts>> facts_;
  std::vector<Measure> measures_;
  std::optional<std::size_t> characters_;
  std::optional<int> unspaced_scale_;
  std::unique_ptr<TextAnalysis> whole_;
  std::optional<bool> has_unspaced_;
};

}  // namespace cairn::data
