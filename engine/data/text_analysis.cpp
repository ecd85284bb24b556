#include "engine/data/text_analysis.h"

#include <algorithm>
#include <array>

#include "engine/data/characters.h"
#include "engine/text/unicode.h"

namespace cairn::data {

using text::decode_valid;

namespace {

constexpr std::array<std::uint8_t, 128> kAsciiFacts = [] {
  std::array<std::uint8_t, 128> facts{};
  for (int c = 'a'; c <= 'z'; ++c) facts[c] = facts[c - 32] = kHasLetter | kHasOther | kHasNoMark;
  for (int c = '0'; c <= '9'; ++c) facts[c] = kHasOther | kHasNoMark;
  return facts;
}();

std::uint8_t facts_of_character(std::uint16_t bits) {
  return static_cast<std::uint8_t>((bits & kAlpha ? kHasLetter : 0) | (bits & (kPunctuation | kTerminal) ? 0 : kHasOther) |
                                   (bits & (kPunctuation | kSymbol | kTerminal) ? 0 : kHasNoMark));
}

}  // namespace

WordFacts facts_of(std::string_view word) {
  WordFacts facts;
  bool terminal = false;
  for (std::size_t at = 0; at < word.size();) {
    const auto byte = static_cast<unsigned char>(word[at]);
    ++facts.characters;
    if (byte < 0x80 && kAsciiFacts[byte] != 0) {
      facts.bits |= kAsciiFacts[byte];
      terminal = false;
      ++at;
      continue;
    }
    int length;
    const std::uint16_t bits = character_bits(decode_valid(word.data() + at, length));
    facts.bits |= facts_of_character(bits);
    terminal = bits & kTerminal;
    at += static_cast<std::size_t>(length);
  }
  if (terminal) facts.bits |= kEndsTerminal;
  return facts;
}

int count_sentences(std::span<const WordFacts> words) {
  int sentences = 0;
  bool ended = true;
  for (const WordFacts& word : words) {
    const bool terminal = (word.bits & kEndsTerminal) && word.characters == 1;
    if (sentences == 0 || (ended && !terminal && (word.bits & kHasNoMark))) {
      ++sentences;
      ended = terminal;
    } else if (terminal) {
      ended = true;
    }
  }
  return std::max(sentences, 1);
}

int count_sentences(const std::vector<std::string_view>& words) {
  std::vector<WordFacts> facts;
  for (const std::string_view word : words) facts.push_back(facts_of(word));
  return count_sentences(facts);
}

const std::vector<std::string_view>& TextAnalysis::words() {
  if (!words_) {
    words_.emplace();
    words_->reserve(text_.size() / 5);
    split_words(text_, *words_);
  }
  return *words_;
}

const std::vector<WordFacts>& TextAnalysis::facts() {
  if (!facts_) {
    facts_.emplace();
    facts_->reserve(words().size());
    for (const std::string_view word : words()) facts_->push_back(facts_of(word));
  }
  return *facts_;
}

std::size_t TextAnalysis::characters() {
  if (!characters_) characters_ = count_characters(text_);
  return *characters_;
}

TextAnalysis& TextAnalysis::reading(Unspaced unspaced) {
  if (unspaced == Unspaced::letters) return *this;
  if (!has_unspaced_) {
    has_unspaced_ = false;
    for (std::size_t at = 0; at < text_.size();) {
      if (static_cast<unsigned char>(text_[at]) < 0xE0) {  // such scripts begin behind U+0800
        ++at;
        continue;
      }
      int length;
      if (character_bits(decode_valid(text_.data() + at, length)) & kUnspaced) {
        has_unspaced_ = true;
        break;
      }
      at += static_cast<std::size_t>(length);
    }
  }
  if (!*has_unspaced_) return *this;
  if (!whole_) {
    std::vector<std::string_view> words;
    split_words(text_, words, WordStyle::english, nullptr, Unspaced::whole);
    whole_ = std::make_unique<TextAnalysis>(text_, std::move(words));
  }
  return *whole_;
}

int TextAnalysis::unspaced_scale() {
  if (!unspaced_scale_) {
    std::size_t unspaced = 0;
    for (const std::string_view word : words()) {
      int length;
      unspaced += static_cast<unsigned char>(word[0]) >= 0xE0 && (character_bits(decode_valid(word.data(), length)) & kUnspaced);
    }
    unspaced_scale_ = 2 * unspaced > words().size() ? 2 : 1;
  }
  return *unspaced_scale_;
}

}  // namespace cairn::data
