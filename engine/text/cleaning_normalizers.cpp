// BertNormalizer and Nmt: the cleaning that BERT and NMT models were trained with.
#include "base/json.h"
#include "engine/text/characters.h"
#include "engine/text/json_fields.h"
#include "engine/text/library_classes.h"
#include "engine/text/normalizer.h"
#include "engine/text/unicode_forms.h"

namespace cairn::text {
namespace {

bool is_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}

class BertNormalizer : public Normalizer {
 public:
  BertNormalizer(bool clean, bool ideographs, bool accents, bool lowercase)
      : clean_(clean), ideographs_(ideographs), accents_(accents), lowercase_(lowercase) {}

  void apply(std::string& text) const override {
    if (clean_) clean(text);
    if (ideographs_) space_ideographs(text);
    if (accents_) strip_accents(text);
    if (lowercase_) to_lower(text);
  }

 private:
  static void clean(std::string& text) {
    std::string out;
    for_each_character(text, [&](char32_t point, std::size_t at, std::size_t bytes) {
      if (library_class(point) & kBertControl) return;
      if (is_white_space(point))
        out += ' ';
      else
        out.append(text, at, bytes);
    });
    text = std::move(out);
  }
  static void space_ideographs(std::string& text) {
    std::string out;
    for_each_character(text, [&](char32_t point, std::size_t at, std::size_t bytes) {
      const bool alone = is_ideograph(point);
      if (alone) out += ' ';
      out.append(text, at, bytes);
      if (alone) out += ' ';
    });
    text = std::move(out);
  }
  static void strip_accents(std::string& text) {
    to_form(UnicodeForm::nfd, text);
    std::string out;
    for_each_character(text, [&](char32_t point, std::size_t at, std::size_t bytes) {
      if (!(library_class(point) & kBertAccent)) out.append(text, at, bytes);
    });
    text = std::move(out);
  }

  bool clean_, ideographs_, accents_, lowercase_;
};

class Nmt : public Normalizer {
 public:
  void apply(std::string& text) const override {
    std::string out;
    for_each_character(text, [&](char32_t c, std::size_t at, std::size_t bytes) {
      if ((c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F) return;
      const bool space = c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
                         c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
      if (space)
        out += ' ';
      else
        out.append(text, at, bytes);
    });
    text = std::move(out);
  }
};

}  // namespace

NormalizerPtr bert_normalizer(const Json& json, const std::string& origin) {
  const bool lowercase = bool_field(json, "lowercase", origin, true);
  return std::make_unique<BertNormalizer>(bool_field(json, "clean_text", origin, true),
                                          bool_field(json, "handle_chinese_chars", origin, true),
                                          bool_field(json, "strip_accents", origin, lowercase), lowercase);
}

NormalizerPtr nmt_normalizer() {
  return std::make_unique<Nmt>();
}

}  // namespace cairn::text
