#include "engine/text/tokenizer_measure.h"

#include <unicode/brkiter.h>
#include <unicode/ubrk.h>
#include <unicode/utext.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/error.h"
#include "engine/text/characters.h"

namespace cairn::text {
namespace {

struct CloseText {
  void operator()(UText* text) const { utext_close(text); }
};

std::unique_ptr<icu::BreakIterator> make_breaks() {
  UErrorCode error = U_ZERO_ERROR;
  std::unique_ptr<icu::BreakIterator> made(icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), error));
  if (U_FAILURE(error)) fail("ICU has no rules for words: {}", u_errorName(error));
  return made;
}

struct Counted {
  LanguageMeasure sums;
  std::vector<bool> used;
};

Counted count(const Tokenizer& tokenizer, const LabelledText& text) {
  Counted counted;
  counted.used.resize(static_cast<std::size_t>(tokenizer.vocab_size()));
  counted.sums.language = text.language;
  counted.sums.bytes = static_cast<std::int64_t>(text.text.size());
  counted.sums.words = count_words(text.text);
  for_each_character(text.text, [&](char32_t, std::size_t, std::size_t) { ++counted.sums.characters; });
  for (const TokenId id : tokenizer.encode(text.text, SpecialTokens::as_text)) {
    ++counted.sums.tokens;
    counted.sums.unknown += tokenizer.is_special(id);
    counted.used[static_cast<std::size_t>(id)] = true;
  }
  return counted;
}

void add(LanguageMeasure& to, const LanguageMeasure& more) {
  to.bytes += more.bytes;
  to.characters += more.characters;
  to.words += more.words;
  to.tokens += more.tokens;
  to.unknown += more.unknown;
}

}  // namespace

std::int64_t count_words(std::string_view text) {
  static thread_local const std::unique_ptr<icu::BreakIterator> breaks = make_breaks();
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<UText, CloseText> opened(
      utext_openUTF8(nullptr, text.data(), static_cast<std::int64_t>(text.size()), &error));
  breaks->setText(opened.get(), error);
  if (U_FAILURE(error)) fail("words of a text of {} bytes: {}", text.size(), u_errorName(error));
  std::int64_t words = 0;
  while (breaks->next() != icu::BreakIterator::DONE) words += breaks->getRuleStatus() >= UBRK_WORD_NONE_LIMIT;
  return words;
}

TokenizerMeasure measure_tokenizer(const Tokenizer& tokenizer, const std::vector<LabelledText>& texts, bool parallel_texts,
                                   ThreadPool& threads) {
  std::vector<Counted> counted(texts.size());
  threads.parallel_for(static_cast<std::int64_t>(texts.size()), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    counted[at] = count(tokenizer, texts[at]);
  });
  TokenizerMeasure measure;
  measure.vocabulary = tokenizer.vocab_size();
  std::map<std::string, LanguageMeasure> by_language;
  std::vector<bool> used(static_cast<std::size_t>(measure.vocabulary));
  for (const Counted& one : counted) {
    add(by_language[one.sums.language], one.sums);
    add(measure.all, one.sums);
    for (std::size_t id = 0; id < used.size(); ++id) used[id] = used[id] || one.used[id];
  }
  measure.used = std::count(used.begin(), used.end(), true);
  std::vector<double> costs;
  for (auto& [language, sums] : by_language) {
    sums.language = language;
    measure.languages.push_back(sums);
    if (sums.characters == 0) continue;
    const double cost = parallel_texts ? static_cast<double>(sums.tokens)
                                       : static_cast<double>(sums.tokens) / static_cast<double>(sums.characters);
    if (costs.empty() || cost > *std::max_element(costs.begin(), costs.end())) measure.worst = language;
    if (costs.empty() || cost < *std::min_element(costs.begin(), costs.end())) measure.best = language;
    costs.push_back(cost);
  }
  if (!costs.empty()) {
    const auto [low, high] = std::minmax_element(costs.begin(), costs.end());
    if (*low > 0) measure.worst_ratio = *high / *low;
  }
  measure.gini = gini_coefficient(std::move(costs));
  return measure;
}

double gini_coefficient(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  double sum = 0, weighted = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum += values[i];
    weighted += static_cast<double>(2 * i + 1) * values[i];
  }
  const auto n = static_cast<double>(values.size());
  return values.size() < 2 || sum <= 0 ? 0 : weighted / (n * sum) - 1;
}

}  // namespace cairn::text
