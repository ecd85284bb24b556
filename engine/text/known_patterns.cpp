#include "engine/text/known_patterns.h"

#include "base/error.h"
#include "engine/text/unicode.h"

namespace cairn::text {
namespace {

constexpr unsigned kSymbol = kMark | kOther;                   // [^\s\p{L}\p{N}]
constexpr unsigned kUpperSet = kUpper | kOtherLetter | kMark;  // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
constexpr unsigned kLowerSet = kLower | kOtherLetter | kMark;  // [\p{Ll}\p{Lm}\p{Lo}\p{M}]

// Class of the character at p < end, and its bytes.
inline unsigned class_at(const char* p, const std::uint8_t* classes, int& length) {
  const auto byte = static_cast<std::uint8_t>(*p);
  if (byte < 0x80) return length = 1, classes[byte];
  return classes[decode_valid(p, length)];
}

inline const char* skip(const char* p, const char* end, unsigned mask, const std::uint8_t* classes) {
  while (p < end) {
    int length;
    if (!(class_at(p, classes, length) & mask)) break;
    p += length;
  }
  return p;
}

// 's 't 're 've 'm 'll 'd at p; returns p when there is none. Without regard to case if `any_case` (where U+017F is an s too).
const char* contraction(const char* p, const char* end, bool any_case) {
  if (end - p < 2 || *p != '\'') return p;
  const auto letter = [&](std::ptrdiff_t i) {
    if (p + i >= end) return '\0';
    return any_case && p[i] >= 'A' && p[i] <= 'Z' ? static_cast<char>(p[i] + 32) : p[i];
  };
  switch (letter(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return p + 2;
    case 'r':
    case 'v':
      return letter(2) == 'e' ? p + 3 : p;
    case 'l':
      return letter(2) == 'l' ? p + 3 : p;
    case '\xC5':
      return any_case && letter(2) == '\xBF' ? p + 3 : p;
    default:
      return p;
  }
}

// \s+(?!\S)|\s+ at a space, after \s*[\r\n]+ if `newlines`: the last space of a run is left for the word that follows.
const char* spaces(const char* p, const char* end, const std::uint8_t* classes, bool newlines) {
  const char* q = p;
  const char* last = p;
  const char* after_newline = nullptr;
  while (q < end) {
    int length;
    const unsigned kind = class_at(q, classes, length);
    if (!(kind & kSpace)) break;
    last = q;
    q += length;
    if (kind & kNewline) after_newline = q;
  }
  if (newlines && after_newline) return after_newline;
  return q == end || last == p ? q : last;
}

const char* numbers(const char* p, const char* end, const std::uint8_t* classes, int limit) {
  for (int i = 0; i < limit && p < end; ++i) {
    int length;
    if (!(class_at(p, classes, length) & kNumber)) break;
    p += length;
  }
  return p;
}

// The same from the right: the first group takes what is over, so that all others are full. `number_end` keeps the end of the
// number from its first group on, for to look for it in each would take quadratic time.
const char* numbers_from_right(const char* p, const char* end, const std::uint8_t* classes, int limit, const char*& number_end) {
  if (number_end && p < number_end) return numbers(p, end, classes, limit);
  std::size_t count = 0;
  const char* q = p;
  for (int length; q < end && class_at(q, classes, length) & kNumber; q += length) ++count;
  number_end = q;
  const auto over = static_cast<int>(count % static_cast<std::size_t>(limit));
  return numbers(p, end, classes, over > 0 ? over : limit);
}

const char* next_number(const KnownPattern& pattern, const char* p, const char* end, const std::uint8_t* classes,
                        const char*& number_end) {
  if (pattern.digits_from_right) return numbers_from_right(p, end, classes, pattern.digits, number_end);
  return numbers(p, end, classes, pattern.digits);
}

const char* next_gpt2(const char* p, const char* end, const std::uint8_t* classes) {
  if (*p == '\'') {
    const char* after = contraction(p, end, false);
    if (after != p) return after;
  }
  const char* q = p + (*p == ' ');
  if (q < end) {
    int length;
    const unsigned kind = class_at(q, classes, length);
    if (kind & kLetter) return skip(q + length, end, kLetter, classes);
    if (kind & kNumber) return skip(q + length, end, kNumber, classes);
    if (kind & kSymbol) return skip(q + length, end, kSymbol, classes);
  }
  return spaces(p, end, classes, false);
}

const char* next_cl100k(const KnownPattern& pattern, const char* p, const char* end, const std::uint8_t* classes,
                        const char*& number_end) {
  if (*p == '\'') {
    const char* after = contraction(p, end, true);
    if (after != p) return after;
  }
  int length, following;
  const unsigned kind = class_at(p, classes, length);
  if (kind & kLetter) return skip(p + length, end, kLetter, classes);
  if (kind & kNumber) return next_number(pattern, p, end, classes, number_end);
  const char* q = p + length;
  if (!(kind & kNewline) && q < end && class_at(q, classes, following) & kLetter)
    return skip(q + following, end, kLetter, classes);
  if (*p != ' ') q = p;
  if (q < end && class_at(q, classes, following) & kSymbol) {
    q = skip(q + following, end, kSymbol, classes);
    while (q < end && (*q == '\r' || *q == '\n')) ++q;
    return q;
  }
  return spaces(p, end, classes, true);
}

// Upper* Lower+ | Upper+ Lower* at p; returns p when neither matches. Upper and Lower share modifiers, other letters and marks,
// so the regular expression steps back from the upper run to its last shared character when no lower-case letter follows.
const char* cased_word(const char* p, const char* end, const std::uint8_t* classes, bool& ends_lower) {
  const char* q = p;
  const char* after_shared = nullptr;
  while (q < end) {
    int length;
    const unsigned kind = class_at(q, classes, length);
    if (!(kind & kUpperSet)) break;
    q += length;
    if (kind & kLowerSet) after_shared = q;
  }
  int length;
  ends_lower = true;
  if (q < end && class_at(q, classes, length) & kLower) return skip(q + length, end, kLowerSet, classes);
  if (after_shared) return after_shared;
  ends_lower = false;
  return q;
}

const char* next_tekken(const KnownPattern& pattern, const char* p, const char* end, const std::uint8_t* classes,
                        const char*& number_end) {
  int length, following;
  const unsigned kind = class_at(p, classes, length);
  if (kind & kNumber) return next_number(pattern, p, end, classes, number_end);
  const char* word = p;
  bool ends_lower = false, without_lower = false;
  if (kind & kLetter) {
    word = cased_word(p, end, classes, ends_lower);
  } else if (!(kind & kNewline)) {
    // The optional first character; a mark may be that or part of the word, and the first alternative (which wants a lower-case
    // end) is tried both ways before the second.
    const char* after = p + length;
    const char* with = cased_word(after, end, classes, ends_lower);
    without_lower = with != after && !ends_lower;
    if (with != after && ends_lower)
      word = with;
    else if (kind & kMark)
      word = p + length;
    else if (without_lower)
      word = with;
  }
  if (word != p) return pattern.contractions ? contraction(word, end, true) : word;
  const char* q = *p == ' ' ? p + 1 : p;
  if (q < end && class_at(q, classes, following) & kSymbol) {
    q = skip(q + following, end, kSymbol, classes);
    while (q < end && ((pattern.newline_tail && (*q == '\r' || *q == '\n')) || (pattern.slash_tail && *q == '/'))) ++q;
    return q;
  }
  return spaces(p, end, classes, true);
}

constexpr std::string_view kUpperText = R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])";
constexpr std::string_view kLowerText = R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])";
constexpr std::string_view kEndText = R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kContractionText = R"((?i:'s|'t|'re|'ve|'m|'ll|'d))";

}  // namespace

const char* next_piece(const KnownPattern& pattern, const char* p, const char* end, const std::uint8_t* classes,
                       const char*& number_end) {
  switch (pattern.family) {
    case PatternFamily::gpt2:
      return next_gpt2(p, end, classes);
    case PatternFamily::cl100k:
      return next_cl100k(pattern, p, end, classes, number_end);
    case PatternFamily::tekken:
      return next_tekken(pattern, p, end, classes, number_end);
  }
  return end;
}

std::string pattern_regex(const KnownPattern& pattern) {
  if (pattern.family == PatternFamily::gpt2) {
    return R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  }
  std::string numbers = pattern.digits == 1 ? std::string(R"(\p{N})") : fmt::format(R"(\p{{N}}{{1,{}}})", pattern.digits);
  if (pattern.digits_from_right) numbers += fmt::format(R"((?=(?:\p{{N}}{{{}}})*(?!\p{{N}})))", pattern.digits);
  if (pattern.family == PatternFamily::cl100k) {
    return fmt::format(R"({}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*{})", kContractionText, numbers,
                       kEndText);
  }
  const std::string suffix = pattern.contractions ? fmt::format("{}?", kContractionText) : "";
  const std::string tail =
      pattern.newline_tail ? (pattern.slash_tail ? R"([\r\n/]*)" : R"([\r\n]*)") : (pattern.slash_tail ? "/*" : "");
  return fmt::format(R"([^\r\n\p{{L}}\p{{N}}]?{0}*{1}+{2}|[^\r\n\p{{L}}\p{{N}}]?{0}+{1}*{2}|{3}| ?[^\s\p{{L}}\p{{N}}]+{4}{5})",
                     kUpperText, kLowerText, suffix, numbers, tail, kEndText);
}

std::optional<KnownPattern> recognise_pattern(std::string_view regex) {
  if (regex == R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)") return KnownPattern{};
  std::vector<KnownPattern> known = {KnownPattern{}};
  for (int digits = 1; digits <= 9; ++digits) {
    known.push_back({.family = PatternFamily::cl100k, .digits = digits});
    for (const bool newlines : {false, true}) {
      for (const bool slashes : {false, true}) {
        for (const bool contractions : {false, true})
          known.push_back({PatternFamily::tekken, digits, newlines, slashes, contractions});
      }
    }
  }
  for (std::size_t i = 0, count = known.size(); i < count; ++i) {
    if (known[i].family == PatternFamily::gpt2 || known[i].digits == 1) continue;
    known.push_back(known[i]);
    known.back().digits_from_right = true;
  }
  for (const KnownPattern& pattern : known) {
    if (regex == pattern_regex(pattern)) return pattern;
  }
  return std::nullopt;
}

KnownPattern pattern_named(std::string_view name) {
  if (name == "gpt2") return {};
  if (name == "cl100k") return {.family = PatternFamily::cl100k, .digits = 3};
  if (name == "qwen2") return {.family = PatternFamily::cl100k, .digits = 1};
  if (name == "apertus") return {.family = PatternFamily::tekken, .newline_tail = true, .slash_tail = true};
  if (name == "o200k") return {PatternFamily::tekken, 3, true, true, true};
  fail_usage("unknown pre-tokenizer pattern '{}': expected apertus, gpt2, cl100k, qwen2 or o200k", name);
}

bool is_pattern_name(std::string_view name) {
  return name == "gpt2" || name == "cl100k" || name == "qwen2" || name == "apertus" || name == "o200k";
}

}  // namespace cairn::text
