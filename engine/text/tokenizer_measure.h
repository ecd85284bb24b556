// What a tokenizer makes of texts in many languages, in numbers by which tokenizers are compared.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "engine/text/tokenizer.h"

namespace cairn::text {

struct LabelledText {
  std::string language;  // or whatever the texts are grouped by
  std::string text;      // valid UTF-8
};

// Words by ICU's rules and dictionaries (UAX 29, root locale): stretches that hold a letter or a digit.
std::int64_t count_words(std::string_view text);

struct LanguageMeasure {
  std::string language;
  std::int64_t bytes = 0, characters = 0, words = 0, tokens = 0, unknown = 0;

  double tokens_per_word() const { return words > 0 ? static_cast<double>(tokens) / static_cast<double>(words) : 0; }
  double bytes_per_token() const { return tokens > 0 ? static_cast<double>(bytes) / static_cast<double>(tokens) : 0; }
};

struct TokenizerMeasure {
  std::vector<LanguageMeasure> languages;  // in alphabetical order
  LanguageMeasure all;                     // sums
  std::int64_t vocabulary = 0, used = 0;   // tokens that there are; that occur in these texts
  // How unevenly the cost of text is spread over languages: the Gini coefficient of what each pays, 0 = all the same. The cost of
  // a language is its tokens where the texts are translations of one another, else its tokens per character.
  double gini = 0;
  double worst_ratio = 0;   // the highest cost over the lowest
  std::string worst, best;  // whose they are
};

// Special tokens are text. The result does not depend on threads.
TokenizerMeasure measure_tokenizer(const Tokenizer& tokenizer, const std::vector<LabelledText>& texts, bool parallel_texts,
                                   ThreadPool& threads);

// Mean absolute difference of all pairs over twice the mean; 0 for less than two values. Values are not negative.
double gini_coefficient(std::vector<double> values);

}  // namespace cairn::text
