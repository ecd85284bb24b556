#include "engine/data/language_words.h"

#include <unicode/brkiter.h>
#include <unicode/locid.h>
#include <unicode/utext.h>

#include <memory>

#include <fmt/format.h>

#include "base/error.h"

namespace cairn::data {

namespace {

constexpr int kStyleRules = 1;  // raise when the same text would give other words

// ICU's word boundaries, made when first needed.
class DictionarySegmenter : public RunSegmenter {
 public:
  explicit DictionarySegmenter(std::string_view language) : language_(language) {}
  ~DictionarySegmenter() override { utext_close(&text_); }

  void segment(std::string_view run, std::vector<std::string_view>& words) override {
    UErrorCode status = U_ZERO_ERROR;
    if (!breaks_) breaks_.reset(icu::BreakIterator::createWordInstance(icu::Locale(language_.c_str()), status));
    utext_openUTF8(&text_, run.data(), static_cast<std::int64_t>(run.size()), &status);
    if (breaks_) breaks_->setText(&text_, status);
    if (U_FAILURE(status)) fail("ICU has no words for language '{}': {}", language_, u_errorName(status));
    std::int32_t begin = breaks_->first();
    for (std::int32_t end = breaks_->next(); end != icu::BreakIterator::DONE; begin = end, end = breaks_->next())
      words.push_back(run.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
  }

 private:
  std::string language_;
  std::unique_ptr<icu::BreakIterator> breaks_;
  UText text_ = UTEXT_INITIALIZER;
};

}  // namespace

WordStyle word_style_of(std::string_view language) {
  struct Group {
    WordStyle style;
    std::vector<std::string_view> languages;
  };
  // As datatrove assigns its tokenizers; languages near to one that has rules of its own use those.
  static const std::vector<Group> groups = {
      {WordStyle::english, {"en", "sco"}},
      {WordStyle::german, {"de", "bar", "gsw", "hrx", "swg"}},
      {WordStyle::french, {"fr", "frp", "fur", "lld", "nrf", "nrm", "pcd", "rm", "wa"}},
      {WordStyle::italian, {"it", "nap", "scn"}},
      {WordStyle::indic, {"hi",  "anp", "as", "awa", "bho", "bn", "bpy", "gu", "hne", "kn", "ks",  "mag",
                          "mai", "ml",  "mr", "ne",  "new", "or", "pa",  "sa", "si",  "ta", "tcy", "te"}},
  };
  const std::string_view base = language.substr(0, language.find('-'));
  for (const Group& group : groups) {
    for (const std::string_view name : group.languages) {
      if (name == base) return group.style;
    }
  }
  return WordStyle::plain;
}

void split_words_of(std::string_view text, std::string_view language, std::vector<std::string_view>& words) {
  DictionarySegmenter segmenter(language.substr(0, language.find('-')));
  split_words(text, words, word_style_of(language), &segmenter);
}

std::string language_words_version() {
  return fmt::format("{}.{}, ICU {}", kWordRules, kStyleRules, U_ICU_VERSION);
}

}  // namespace cairn::data
