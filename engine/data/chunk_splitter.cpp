#include "engine/data/chunk_splitter.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "engine/data/characters.h"
#include "engine/data/letters.h"
#include "engine/data/word_exceptions.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

using text::decode_valid;

constexpr std::string_view kUnits[] = {  // longest first among those that end alike
    "km/h",
    "kmh",
    "km\xc2\xb2",
    "km\xc2\xb3",
    "km",
    "dm\xc2\xb2",
    "dm",
    "cm\xc2\xb2",
    "cm\xc2\xb3",
    "cm",
    "mm\xc2\xb2",
    "mm",
    "nm",
    "\xc2\xb5m",
    "m/s",
    "m\xc2\xb2",
    "m\xc2\xb3",
    "ha",
    "yd",
    "in",
    "ft",
    "kg",
    "mg",
    "\xc2\xb5g",
    "lb",
    "oz",
    "mph",
    "hPa",
    "Pa",
    "mbar",
    "mb",
    "MB",
    "kb",
    "KB",
    "gb",
    "GB",
    "tb",
    "TB",
    "m",
    "g",
    "t",
    "T",
    "G",
    "M",
    "K",
    "%",
    "\xd0\xba\xd0\xbc",
    "\xd0\xba\xd0\xb3",
    "\xd0\xbc",
    "\xd0\xb3"};

}  // namespace

class ChunkSplitter::Rules {
 public:
  Rules(WordStyle style, RunSegmenter* segmenter, Unspaced unspaced, std::vector<std::string_view>& words)
      : style_(style), segmenter_(segmenter), unspaced_(unspaced), exceptions_(WordExceptions::of(style)), words_(words) {}

  void split(std::string_view chunk) {
    chunk_ = chunk;
    letters_.clear();
    bool unspaced = false;
    for (std::uint32_t at = 0; at < chunk_.size();) {
      int length;
      const char32_t point = decode_valid(chunk_.data() + at, length);
      letters_.push_back({point, character_bits(point), at});
      unspaced |= (letters_.back().bits & kUnspaced) != 0;
      at += length;
    }
    if (!unspaced || unspaced_ == Unspaced::whole) return split_range(0, letters_.size());
    // Letters of scripts without spaces, one by one with the marks on them; what stands between them as usual.
    std::size_t begin = 0;
    for (std::size_t i = 0; i < letters_.size();) {
      if (!(letters_[i].bits & kUnspaced)) {
        ++i;
        continue;
      }
      if (begin < i) split_range(begin, i);
      std::size_t end = i + 1;
      const std::uint16_t goes_on = segmenter_ ? kNonspacing | kUnspaced : kNonspacing;
      while (end < letters_.size() && (letters_[end].bits & goes_on)) ++end;
      if (segmenter_)
        segmenter_->segment(view(i, end), words_);
      else
        put(i, end);
      begin = i = end;
    }
    if (begin < letters_.size()) split_range(begin, letters_.size());
  }

 private:
  std::string_view view(std::size_t begin, std::size_t end) const {
    const std::size_t from = letters_[begin].offset;
    return chunk_.substr(from, (end < letters_.size() ? letters_[end].offset : chunk_.size()) - from);
  }
  void put(std::size_t begin, std::size_t end) {
    if (begin < end) words_.push_back(view(begin, end));
  }

  // Each mark a word; one between digits belongs to the number.
  void split_indic(std::size_t begin, std::size_t end) {
    std::size_t word = begin;
    for (std::size_t i = begin; i < end; ++i) {
      const char32_t c = letters_[i].point;
      const bool mark = (c > 0x20 && c < 0x7F && !is_alpha(letters_[i]) && !is_digit(letters_[i])) || c == 0x964 || c == 0x965;
      if (!mark) continue;
      const bool numeric = c == ',' || c == '.' || c == ':' || c == '/';
      if (numeric && i > begin && i + 1 < end && is_digit(letters_[i - 1]) && is_digit(letters_[i + 1])) continue;
      put(word, i);
      put(i, i + 1);
      word = i + 1;
    }
    put(word, end);
  }

  // Whether the range is a French compound with a hyphen that stays whole, elisions included: "demi-tour".
  bool is_french_compound(std::size_t begin, std::size_t end) const {
    std::size_t hyphen = begin;
    while (hyphen < end && letters_[hyphen].point != '-') ++hyphen;
    if (hyphen == begin || hyphen + 1 >= end) return false;
    if (letters_[hyphen + 1].point == 't' && hyphen + 2 < end && letters_[hyphen + 2].point == '-') return false;  // "passe-t-il"
    std::string prefix = lower_case_ascii(view(begin, hyphen));
    if (!is_french_prefix(prefix)) {
      if (prefix.back() != 's') return false;
      prefix.pop_back();
      if (!is_french_prefix(prefix)) return false;
    }
    for (std::size_t i = hyphen + 1; i < end; ++i) {
      if (!is_lower(letters_[i]) && letters_[i].point != '-' && !is_apostrophe(letters_[i])) return false;
    }
    return is_lower(letters_[hyphen + 1]);
  }

  void split_range(std::size_t begin, std::size_t end) {
    if (style_ == WordStyle::indic) return split_indic(begin, end);
    const std::size_t first = words_.size();
    suffixes_.clear();
    for (;;) {
      if (begin >= end || exceptions_.find(view(begin, end))) break;
      if (style_ == WordStyle::french && is_french_compound(begin, end)) {
        put(begin, end);
        begin = end;
        break;
      }
      const std::size_t prefix = prefix_length(begin, end);
      if (prefix > 0 && begin + prefix < end && exceptions_.find(view(begin + prefix, end))) {
        put(begin, begin + prefix);
        begin += prefix;
        break;
      }
      const std::size_t suffix = begin + prefix < end ? suffix_length(begin + prefix, end) : 0;
      if (suffix > 0 && begin < end - suffix && exceptions_.find(view(begin, end - suffix))) {
        suffixes_.push_back({end - suffix, end});
        end -= suffix;
        break;
      }
      if (prefix == 0 && suffix == 0) break;
      put(begin, begin + prefix);
      begin += prefix;
      if (suffix > 0) suffixes_.push_back({end - suffix, end});
      end -= suffix;
    }
    if (begin < end) split_middle(begin, end);
    for (auto it = suffixes_.rbegin(); it != suffixes_.rend(); ++it) put(it->first, it->second);
    if (words_.size() - first > 1) join_exceptions(first);
  }

  // Words that make up an exception which stays whole become one, the longest ones first: "):" at the end of "(so):". (spaCy's
  // retokenization of special cases.)
  void join_exceptions(std::size_t first) {
    constexpr std::size_t kMost = 5;
    const std::size_t words = words_.size() - first;
    taken_.assign(words, false);
    joins_.clear();
    for (std::size_t size = std::min(kMost, words); size > 1; --size) {
      for (std::size_t at = 0; at + size <= words; ++at) {
        const std::string_view last = words_[first + at + size - 1];
        const char* const begin = words_[first + at].data();
        const std::string_view all(begin, static_cast<std::size_t>(last.data() + last.size() - begin));
        const WordExceptions::Splits* splits = exceptions_.find(all);
        if (splits == nullptr) continue;
        if ((*splits)[0] == 0 && !taken_[at] && !taken_[at + size - 1]) joins_.push_back({at, all});
        std::fill_n(taken_.begin() + static_cast<std::ptrdiff_t>(at), size, true);
      }
    }
    if (joins_.empty()) return;
    std::sort(joins_.begin(), joins_.end(), [](const Join& x, const Join& y) { return x.at < y.at; });
    std::size_t to = first, from = 0;
    for (const Join& join : joins_) {
      while (from < join.at) words_[to++] = words_[first + from++];
      const char* const end = join.all.data() + join.all.size();
      while (from < words && words_[first + from].data() < end) ++from;
      words_[to++] = join.all;
    }
    while (from < words) words_[to++] = words_[first + from++];
    words_.resize(to);
  }

  void split_middle(std::size_t begin, std::size_t end) {
    const std::string_view middle = view(begin, end);
    if (const WordExceptions::Splits* splits = exceptions_.find(middle)) {
      const std::size_t first = (*splits)[0], second = (*splits)[1];
      if (first == 0) return words_.push_back(middle);
      words_.push_back(middle.substr(0, first));
      if (second > 0) words_.push_back(middle.substr(first, second));
      return words_.push_back(middle.substr(first + second));
    }
    if (is_web_address({letters_.data() + begin, end - begin})) return words_.push_back(middle);
    std::size_t word = begin;
    for (std::size_t i = begin; i < end;) {
      if (i > word && elides(begin, i, end)) {
        put(word, i);
        word = i;
      }
      const std::size_t infix = style_ == WordStyle::german ? german_infix_length(begin, i, end) : infix_length(begin, i, end);
      if (infix == 0) {
        ++i;
        continue;
      }
      put(word, i);
      put(i, i + infix);
      word = i += infix;
    }
    put(word, end);
  }

  std::size_t run_of_dots(std::size_t at, std::size_t end) const {
    std::size_t stop = at;
    while (stop < end && letters_[stop].point == '.') ++stop;
    return stop - at;
  }

  std::size_t prefix_length(std::size_t begin, std::size_t end) const {
    const Letter& first = letters_[begin];
    if (style_ == WordStyle::french && begin + 2 < end && is_apostrophe(letters_[begin + 1]) && is_alpha(letters_[begin + 2])) {
      const char32_t lower = first.point | 0x20;
      if (lower == 'd' || lower == 'l' || lower == 'n') return 2;
    }
    if (first.bits & (kSymbol | kIcon | kCurrency)) return 1;
    switch (first.point) {
      case 0xA7:
      case '%':
      case '=':
      case 0x2013:
      case 0x2014:
      case 0x2026:
        return 1;
      case '+':
        return begin + 1 < end && is_digit(letters_[begin + 1]) ? 0 : 1;
      case '.': {
        const std::size_t dots = run_of_dots(begin, end);
        return dots >= 2 ? dots : 0;
      }
      default:
        return 0;
    }
  }

  // "-il" of "dit-il": a hyphen behind a letter, and a pronoun.
  std::size_t inverted_length(std::size_t begin, std::size_t end) const {
    static constexpr std::string_view kPronouns[] = {"ce",        "cl\xc3\xa9s", "elle", "en", "il", "ils", "je",
                                                     "l\xc3\xa0", "moi",         "nous", "on", "t",  "vous"};
    for (std::size_t size = 1; size <= 4 && begin + size + 1 < end; ++size) {
      const char32_t hyphen = letters_[end - size - 1].point;
      if (hyphen != '-' && !(hyphen >= 0x2010 && hyphen <= 0x2014)) continue;
      if (!is_alpha(letters_[end - size - 2])) return 0;
      return std::find(std::begin(kPronouns), std::end(kPronouns), view(end - size, end)) != std::end(kPronouns) ? size + 1 : 0;
    }
    return 0;
  }

  std::size_t suffix_length(std::size_t begin, std::size_t end) const {
    const Letter& last = letters_[end - 1];
    const std::size_t size = end - begin;
    const bool possessive = style_ != WordStyle::german && style_ != WordStyle::french;
    if (possessive && (last.point == 's' || last.point == 'S') && size >= 2) {
      const char32_t before = letters_[end - 2].point;
      if (before == '\'' || before == 0x2019) return 2;
    }
    if (last.bits & (kSymbol | kIcon)) return 1;
    if (last.point == 0x2026 || (possessive && (last.point == 0x2013 || last.point == 0x2014))) return 1;
    if (style_ == WordStyle::german && last.point == '/') return 1;
    if (style_ == WordStyle::french) {
      if (const std::size_t inverted = inverted_length(begin, end)) return inverted;
    }
    if (last.point == '.') {
      std::size_t dots = 1;
      while (dots < size && letters_[end - 1 - dots].point == '.') ++dots;
      if (dots >= 2) return dots;
      if (size < 2) return 0;
      const Letter& before = letters_[end - 2];
      if ((is_digit(before) && style_ != WordStyle::german) || is_lower(before) || (before.bits & kSymbol) ||
          before.point == '%' || before.point == 0xB2 || before.point == '-' || before.point == '+') {
        return 1;
      }
      return size >= 3 && is_upper(before) && is_upper(letters_[end - 3]) ? 1 : 0;
    }
    if (size < 2) return 0;
    if (last.point == '+' && is_digit(letters_[end - 2])) return 1;
    if ((last.bits & kCurrency) && is_digit(letters_[end - 2])) return 1;
    return unit_length(begin, end);
  }

  std::size_t unit_length(std::size_t begin, std::size_t end) const {
    // Letters back to the nearest digit: four at most.
    for (std::size_t length = std::min<std::size_t>(4, end - begin - 1); length > 0; --length) {
      if (!is_digit(letters_[end - length - 1])) continue;
      const std::string_view unit = view(end - length, end);
      if (std::find(std::begin(kUnits), std::end(kUnits), unit) != std::end(kUnits)) return length;
    }
    return 0;
  }

  // Whether a word begins at `at`, behind a letter and its apostrophe.
  bool elides(std::size_t begin, std::size_t at, std::size_t end) const {
    if (style_ != WordStyle::french && style_ != WordStyle::italian) return false;
    if (at < begin + 2 || at >= end || !is_apostrophe(letters_[at - 1]) || !is_alpha(letters_[at - 2])) return false;
    const bool digit = style_ == WordStyle::italian && (is_digit(letters_[at]) || letters_[at].point == '"');
    return is_alpha(letters_[at]) || digit;
  }

  std::size_t german_infix_length(std::size_t begin, std::size_t at, std::size_t end) const {
    const Letter& here = letters_[at];
    if (here.bits & kIcon || here.point == 0x2026) return 1;
    if (is_alpha(here)) return 0;
    if (here.point == '.' && run_of_dots(at, end) >= 2) return run_of_dots(at, end);
    if (at == begin || at + 1 >= end) return 0;
    const Letter &before = letters_[at - 1], &after = letters_[at + 1];
    const auto is_word = [](const Letter& l) { return is_alpha(l) || is_digit(l); };
    if (here.point == '.') return is_lower(before) && is_upper(after) ? 1 : 0;
    if (here.point == '/') return is_word(before) && is_word(after) ? 1 : 0;
    if (here.point == '-' && is_digit(before) && is_digit(after)) return 1;
    if (here.point == '-' && after.point == '-' && is_alpha(before) && at + 2 < end && is_alpha(letters_[at + 2])) return 2;
    const bool parts = here.point == ',' || here.point == '!' || here.point == '?' || here.point == ':' || here.point == '<' ||
                       here.point == '>' || here.point == '=' || here.point == '(' || here.point == ')' || here.point == '[' ||
                       here.point == ']' || (is_quote(here) && here.point != '\'');
    return parts && is_alpha(before) && is_alpha(after) ? 1 : 0;
  }

  std::size_t infix_length(std::size_t begin, std::size_t at, std::size_t end) const {
    const Letter& here = letters_[at];
    if (here.bits & kIcon || here.point == 0x2026) return 1;
    if (is_alpha(here) || is_digit(here)) return 0;
    const Letter* before = at > begin ? &letters_[at - 1] : nullptr;
    const Letter* after = at + 1 < end ? &letters_[at + 1] : nullptr;
    if (here.point == '.') {
      const std::size_t dots = run_of_dots(at, end);
      if (dots >= 2) return dots;
      const bool between = before && after && (is_lower(*before) || is_quote(*before)) && (is_upper(*after) || is_quote(*after));
      return between ? 1 : 0;
    }
    if (!before || !after) return 0;
    const bool operation = here.point == '+' || here.point == '-' || here.point == '*' || here.point == '^';
    if (operation && is_digit(*before) && (is_digit(*after) || after->point == '-')) return 1;
    if (here.point == ',') return is_alpha(*before) && is_alpha(*after) ? 1 : 0;
    if (here.point == ':' || here.point == '<' || here.point == '>' || here.point == '=' || here.point == '/') {
      return (is_alpha(*before) || is_digit(*before)) && is_alpha(*after) ? 1 : 0;
    }
    if (here.point == '-' || here.point == 0x2013 || here.point == 0x2014 || here.point == '~') {
      if (!is_alpha(*before) && !(style_ == WordStyle::english && is_digit(*before))) return 0;
      if (style_ == WordStyle::italian && !is_lower(*after) && after->point != here.point) return 0;
      std::size_t length = 1;
      const std::size_t most = here.point == '-' ? 3 : here.point == 0x2014 ? 2 : 1;
      while (length < most && at + length < end && letters_[at + length].point == here.point) ++length;
      return at + length < end && is_alpha(letters_[at + length]) ? length : 0;
    }
    return 0;
  }

  WordStyle style_;
  RunSegmenter* segmenter_;
  Unspaced unspaced_;
  const WordExceptions& exceptions_;
  std::string_view chunk_{};
  std::vector<std::string_view>& words_;
  std::vector<Letter> letters_;
  std::vector<std::pair<std::size_t, std::size_t>> suffixes_;
  struct Join {
    std::size_t at;
    std::string_view all;
  };
  std::vector<Join> joins_;
  std::vector<bool> taken_;
};

ChunkSplitter::ChunkSplitter(WordStyle style, RunSegmenter* segmenter, Unspaced unspaced, std::vector<std::string_view>& words)
    : rules_(std::make_unique<Rules>(style, segmenter, unspaced, words)) {}

ChunkSplitter::~ChunkSplitter() = default;

void ChunkSplitter::split(std::string_view chunk) {
  rules_->split(chunk);
}

}  // namespace cairn::data
