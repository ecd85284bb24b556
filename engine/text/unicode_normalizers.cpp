// NFC, NFD, NFKC, NFKD, Lowercase, StripAccents.
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include "base/error.h"
#include "engine/text/characters.h"
#include "engine/text/library_classes.h"
#include "engine/text/normalizer.h"
#include "engine/text/unicode_forms.h"

namespace cairn::text {
namespace {

const icu::Normalizer2& form_named(UnicodeForm form) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* found = form == UnicodeForm::nfc    ? icu::Normalizer2::getNFCInstance(error)
                                  : form == UnicodeForm::nfd  ? icu::Normalizer2::getNFDInstance(error)
                                  : form == UnicodeForm::nfkc ? icu::Normalizer2::getNFKCInstance(error)
                                                              : icu::Normalizer2::getNFKDInstance(error);
  if (U_FAILURE(error)) fail("ICU has no normalization data: {}", u_errorName(error));
  return *found;
}

class Form : public Normalizer {
 public:
  explicit Form(UnicodeForm form) : form_(form) {}
  void apply(std::string& text) const override { to_form(form_, text); }

 private:
  UnicodeForm form_;
};

class Lowercase : public Normalizer {
 public:
  void apply(std::string& text) const override { to_lower(text); }
};

class StripAccents : public Normalizer {
 public:
  void apply(std::string& text) const override {
    std::string out;
    for_each_character(text, [&](char32_t point, std::size_t at, std::size_t bytes) {
      if (!(library_class(point) & kCombiningMark)) out.append(text, at, bytes);
    });
    text = std::move(out);
  }
};

}  // namespace

void to_form(UnicodeForm form, std::string& text) {
  if (text.size() > 0x7FFFFFFF) fail("a text of {} bytes is too long to be normalized", text.size());
  const icu::Normalizer2& normalizer = form_named(form);
  UErrorCode error = U_ZERO_ERROR;
  if (normalizer.isNormalizedUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())), error)) return;
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  normalizer.normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())), sink, nullptr, error);
  if (U_FAILURE(error)) fail("normalizing a text of {} bytes: {}", text.size(), u_errorName(error));
  text = std::move(out);
}

void to_lower(std::string& text) {
  std::string out;
  for_each_character(text, [&](char32_t point, std::size_t, std::size_t) {
    append_utf8(out, static_cast<char32_t>(u_tolower(static_cast<UChar32>(point))));
    if (point == 0x130) append_utf8(out, 0x307);  // the only character whose lower case is two, whatever stands around it
  });
  text = std::move(out);
}

NormalizerPtr unicode_normalizer(const std::string& type) {
  if (type == "NFC") return std::make_unique<Form>(UnicodeForm::nfc);
  if (type == "NFD") return std::make_unique<Form>(UnicodeForm::nfd);
  if (type == "NFKC") return std::make_unique<Form>(UnicodeForm::nfkc);
  if (type == "NFKD") return std::make_unique<Form>(UnicodeForm::nfkd);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "StripAccents") return std::make_unique<StripAccents>();
  return nullptr;
}

}  // namespace cairn::text
