// Words and sentences, by fixed rules of our own: no models, no dictionaries, the same on every machine.
//
// The rules are close to those of spaCy's English tokenizer, which datatrove's filters use for English (spec/data.md §2.2): white
// space separates; punctuation, quotes, currency and icons at either end of a chunk are words of their own, as are "...", 's,
// n't, 'll and a unit after a number; letters joined by a hyphen, ':', '/', '=' are taken apart; web addresses stay whole. They
// are used for all languages. Scripts without spaces (Han, kana, Thai, Lao, Khmer, Myanmar) have no words that could be found
// without a dictionary: there each letter with its marks is a word, and the filters that count sequences of words take longer
// ones (unspaced_scale). tests/engine/data/words_test.cpp says how often the two agree.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace cairn::data {

inline constexpr int kWordRules = 1;  // raise when the same text would give other words

// Views into `text`, which is valid UTF-8, appended to `words`. White space is never part of a word.
void split_words(std::string_view text, std::vector<std::string_view>& words);

// Sentences, from the words of a text: one ends after a terminal mark (. ? ! 。 ...) when another word than punctuation follows.
// At least 1.
int count_sentences(const std::vector<std::string_view>& words);

// A text with what several filters want to know of it, worked out once and when asked. The text must outlive it unchanged.
class TextAnalysis {
 public:
  explicit TextAnalysis(std::string_view text) : text_(text) {}
  std::string_view text() const { return text_; }
  const std::vector<std::string_view>& words();
  std::size_t characters();  // code points of the text
  // 2 when most words are single letters of a script without spaces, else 1: how many of our words make one of the reader's.
  int unspaced_scale();

 private:
  std::string_view text_;
  std::optional<std::vector<std::string_view>> words_;
  std::optional<std::size_t> characters_;
  std::optional<int> unspaced_scale_;
};

}  // namespace cairn::data
