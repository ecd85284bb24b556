// Words and sentences, by fixed rules of our own: no models, no dictionaries, the same on every machine.
//
// The rules are close to those of spaCy's English tokenizer, which datatrove's filters use for English (spec/data.md §2.2): white
// space separates; punctuation, quotes, currency and icons at either end of a chunk are words of their own, as are "...", 's,
// n't, 'll and a unit after a number; a hyphen, ':', '/', '=' between two letters, or a digit and a letter, parts; web addresses
// stay whole. They are used for all languages by the filters that know nothing of languages. Scripts without spaces (Han, kana,
// Thai, Lao, Khmer, Myanmar) have no words that could be found without a dictionary: there each letter with its marks is a word,
// and the filters that count sequences of words take longer ones (unspaced_scale). tests/engine/data/words_test.cpp says how
// often the two agree.
#pragma once

#include <string_view>
#include <vector>

namespace cairn::data {

inline constexpr int kWordRules = 3;  // raise when the same text would give other words

// What languages do differently at hyphens, apostrophes and abbreviations, as spaCy's tokenizers have it.
enum class WordStyle {
  english,
  plain,    // no contractions: all languages without rules of their own
  german,   // a hyphen does not part words: "Ost-West"
  french,   // "l'|homme", "dit|-il"
  italian,  // "dell'|anno"
  indic,    // ASCII punctuation and the danda are words wherever they stand, nothing else is
};

// Takes a run of letters of scripts without spaces apart, where a dictionary is at hand (language_words.h).
class RunSegmenter {
 public:
  virtual ~RunSegmenter() = default;
  // Appends the words of `run`, views into it that leave nothing out.
  virtual void segment(std::string_view run, std::vector<std::string_view>& words) = 0;
};

// What a run of letters of scripts without spaces is, where no dictionary is at hand.
enum class Unspaced {
  letters,  // as many words as letters
  whole,    // part of the chunk, a word if nothing else parts it: spaCy's English tokenizer knows no such scripts
};

// Views into `text`, which is valid UTF-8, appended to `words`. White space is never part of a word.
void split_words(std::string_view text, std::vector<std::string_view>& words, WordStyle style = WordStyle::english,
                 RunSegmenter* segmenter = nullptr, Unspaced unspaced = Unspaced::letters);

// The same by all the rules for each chunk of text, without the short cuts that split_words takes for common ones: to test those.
void split_words_by_rules(std::string_view text, std::vector<std::string_view>& words, WordStyle style,
                          Unspaced unspaced = Unspaced::letters);

}  // namespace cairn::data
