#include "engine/data/japanese/rewritten_text.h"

#include <algorithm>

#include <fmt/format.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "base/error.h"
#include "base/utf8.h"
#include "engine/data/characters.h"

namespace cairn::data {

namespace {

bool is_one_of(char32_t c, const std::vector<char32_t>& set) {
  return std::find(set.begin(), set.end(), c) != set.end();
}

const icu::Normalizer2& compatibility_composition() {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* found = icu::Normalizer2::getNFKCInstance(error);
  if (U_FAILURE(error)) fail("ICU: {}", u_errorName(error));
  return *found;
}

bool is_upper_case(char32_t c) {
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_UPPERCASE);
}
bool may_change_composed(char32_t c) {
  return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_NFKC_QUICK_CHECK) != UNORM_YES;
}

// The lower case of one character, which for U+0130 alone is two.
icu::UnicodeString lower_case(char32_t c) {
  if (c == 0x130) return icu::UnicodeString(u"i\u0307");
  return icu::UnicodeString(u_tolower(static_cast<UChar32>(c)));
}

// Calls take(character, begin, end).
template <typename Take>
void for_each_character(std::string_view text, Take&& take) {
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    const std::size_t end = at + static_cast<std::size_t>(std::max(point.bytes, 1));
    take(point.value, at, end);
    at = end;
  }
}

}  // namespace

TextRewriter::TextRewriter(RewriteSettings settings, std::string_view rewrite_def, const std::string& name,
                           const CharacterClasses& classes)
    : settings_(std::move(settings)), classes_(classes) {
  if (const std::size_t bad = find_invalid_utf8(rewrite_def); bad != std::string::npos)
    fail("{}: byte {} is not UTF-8", name, bad);
  std::size_t number = 0;
  for (std::size_t at = 0; at < rewrite_def.size();) {
    const std::size_t end = std::min(rewrite_def.find('\n', at), rewrite_def.size());
    const std::string_view line = strip(rewrite_def.substr(at, end - at));
    at = end + 1;
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const std::size_t gap = line.find_first_of(" \t");
    const std::string_view from = line.substr(0, gap);
    const char32_t first = decode_utf8(from, 0).value;
    if (gap == line.npos) {
      if (count_characters(from) != 1) fail("{}: line {}: '{}': expected one character", name, number, from);
      left_alone_.insert(first);
      continue;
    }
    const std::string_view to = strip(line.substr(gap));
    if (to.find_first_of(" \t") != to.npos) fail("{}: line {}: expected what is replaced and by what", name, number);
    if (!replacements_.emplace(from, to).second) fail("{}: line {}: '{}' has come before", name, number, from);
    std::size_t& longest = longest_[first];
    longest = std::max(longest, from.size());
  }
}

RewrittenText TextRewriter::rewrite(std::string_view text) const {
  RewrittenText rewritten{std::string(text), std::vector<std::size_t>(text.size() + 1)};
  for (std::size_t i = 0; i <= text.size(); ++i) rewritten.places[i] = i;
  if (settings_.normalises) apply(normalised(rewritten.text), rewritten);
  if (!settings_.sound_marks.empty()) apply(without_long_sound_marks(rewritten.text), rewritten);
  if (settings_.longest_reading > 0) apply(without_readings(rewritten.text), rewritten);
  return rewritten;
}

// The first byte of what is put in stands where what it replaces begins, all others where that ends.
void TextRewriter::apply(const std::vector<Edit>& edits, RewrittenText& text) {
  if (edits.empty()) return;
  RewrittenText after;
  std::size_t done = 0;
  const auto keep_until = [&](std::size_t end) {
    after.text.append(text.text, done, end - done);
    after.places.insert(after.places.end(), text.places.begin() + static_cast<std::ptrdiff_t>(done),
                        text.places.begin() + static_cast<std::ptrdiff_t>(end));
  };
  for (const Edit& edit : edits) {
    keep_until(edit.begin);
    after.text += edit.with;
    for (std::size_t i = 0; i < edit.with.size(); ++i) after.places.push_back(text.places[i == 0 ? edit.begin : edit.end]);
    done = edit.end;
  }
  keep_until(text.text.size());
  after.places.push_back(text.places.back());
  after.places.front() = 0;
  text = std::move(after);
}

// The replacement of what begins at `at`, the shortest or the longest that there is, or null.
const std::string* TextRewriter::replacement(std::string_view text, std::size_t at, bool longest, std::size_t& end) const {
  const auto most = longest_.find(decode_utf8(text, at).value);
  if (most == longest_.end()) return nullptr;
  const std::string* found = nullptr;
  for (std::size_t size = 1; size <= std::min(most->second, text.size() - at); ++size) {
    const auto here = replacements_.find(std::string(text.substr(at, size)));
    if (here == replacements_.end()) continue;
    found = &here->second;
    end = at + size;
    if (!longest) break;
  }
  return found;
}

// Where nothing but replacements can change a text, the longest of them count, elsewhere the shortest, as in the source.
std::vector<TextRewriter::Edit> TextRewriter::normalised(std::string_view text) const {
  bool only_replaced = true;
  int last_class = 0;
  for_each_character(text, [&](char32_t c, std::size_t, std::size_t) {
    const int combining = u_getCombiningClass(static_cast<UChar32>(c));
    only_replaced &= !is_upper_case(c) && !may_change_composed(c) && (combining == 0 || last_class <= combining);
    last_class = combining;
  });
  std::vector<Edit> edits;
  std::size_t done = 0;
  for_each_character(text, [&](char32_t c, std::size_t begin, std::size_t end) {
    if (begin < done) return;
    std::size_t replaced = 0;
    if (const std::string* with = replacement(text, begin, only_replaced, replaced)) {
      edits.push_back({begin, done = replaced, *with});
      return;
    }
    if (only_replaced) return;
    const bool lowers = is_upper_case(c), composes = !left_alone_.contains(c) && may_change_composed(c);
    if (!lowers && !composes) return;
    icu::UnicodeString changed = lowers ? lower_case(c) : icu::UnicodeString(static_cast<UChar32>(c));
    UErrorCode error = U_ZERO_ERROR;
    if (composes) changed = compatibility_composition().normalize(changed, error);
    if (U_FAILURE(error) || changed.isEmpty() || changed.char32At(0) == static_cast<UChar32>(c)) return;
    std::string with;
    changed.toUTF8String(with);
    edits.push_back({begin, end, std::move(with)});
  });
  return edits;
}

std::vector<TextRewriter::Edit> TextRewriter::without_long_sound_marks(std::string_view text) const {
  std::vector<Edit> edits;
  std::size_t run_begin = 0, run_end = 0, run = 0;
  const auto finish = [&] {
    if (run >= 2) edits.push_back({run_begin, run_end, settings_.sound_mark});
    run = 0;
  };
  for_each_character(text, [&](char32_t c, std::size_t begin, std::size_t end) {
    if (!is_one_of(c, settings_.sound_marks)) return finish();
    if (run++ == 0) run_begin = begin;
    run_end = end;
  });
  finish();
  return edits;
}

// A kanji, a bracket, a few kana, a bracket: all but the kanji goes.
std::vector<TextRewriter::Edit> TextRewriter::without_readings(std::string_view text) const {
  enum class Seen { nothing, kanji, bracket };
  std::vector<Edit> edits;
  Seen seen = Seen::nothing;
  std::size_t open = 0, kana = 0;
  for_each_character(text, [&](char32_t c, std::size_t begin, std::size_t end) {
    const ClassBits classes = classes_.of(c);
    if (seen == Seen::bracket && (classes & (kHiraganaClass | kKatakanaClass)) && kana < settings_.longest_reading) {
      ++kana;
      return;
    }
    if (seen == Seen::bracket && kana > 0 && is_one_of(c, settings_.right_brackets)) {
      edits.push_back({open, end, ""});
      seen = Seen::nothing;
      return;
    }
    if (seen == Seen::kanji && is_one_of(c, settings_.left_brackets)) {
      seen = Seen::bracket;
      open = begin;
      kana = 0;
      return;
    }
    seen = classes & kKanjiClass ? Seen::kanji : Seen::nothing;
  });
  return edits;
}

}  // namespace cairn::data
