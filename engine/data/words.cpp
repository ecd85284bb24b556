#include "engine/data/words.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

#include "engine/data/characters.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

using text::decode_valid;

struct Letter {
  char32_t point;
  std::uint16_t bits;
  std::uint32_t offset;  // in the chunk
};

bool is_digit(const Letter& l) {
  return l.point >= '0' && l.point <= '9';
}
bool is_alpha(const Letter& l) {
  return l.bits & kAlpha;
}
bool is_lower(const Letter& l) {
  return (l.bits & kAlpha) && !(l.bits & kUpperCase);
}  // letters without case are both
bool is_upper(const Letter& l) {
  return (l.bits & kAlpha) && !(l.bits & kLowerCase);
}
bool is_quote(const Letter& l) {
  switch (l.point) {
    case '\'':
    case '"':
    case '`':
    case 0xB4:
    case 0xAB:
    case 0xBB:
    case 0x2018:
    case 0x2019:
    case 0x201A:
    case 0x201C:
    case 0x201D:
    case 0x201E:
      return true;
    default:
      return l.point >= 0x3008 && l.point <= 0x3015;
  }
}

// Chunks that split in their own way, or stay whole against the rules: length in bytes of each part but the last.
using Splits = std::array<std::uint8_t, 2>;

class Exceptions {
 public:
  Exceptions() {
    const std::vector<std::string> pronouns = {"i", "you", "he", "she", "it", "we", "they"};
    const std::vector<std::string> question = {"who",   "what", "when", "where", "why",  "how",
                                               "there", "that", "this", "these", "those"};
    for (const std::string& word : pronouns) contract(word, {"ll", "d"}, true);
    for (const std::string word : {"i", "you", "we", "they"}) contract(word, {"ve"}, false);
    for (const std::string word : {"you", "we", "they"}) contract(word, {"re"}, false);
    for (const std::string word : {"he", "she", "it"}) contract(word, {"s"}, false);
    contract("i", {"m"}, false);
    for (const std::string& word : question) {
      contract(word, {"ll", "d"}, true);
      contract(word, {"s", "re", "ve"}, false);
    }
    for (const std::string verb :
         {"ca",     "could", "do",    "does", "did", "had", "may", "might", "must", "need", "ought", "sha",
          "should", "wo",    "would", "ai",   "are", "is",  "was", "were",  "have", "has",  "dare"}) {
      for (const char* apostrophe : {"'", "\xe2\x80\x99", ""}) {
        const std::string negated = verb + std::string("n") + apostrophe + "t";
        add(negated, verb.size());
        add(negated + apostrophe + "ve", verb.size(), negated.size() - verb.size());
      }
    }
    for (const std::string verb : {"could", "might", "must", "should", "would"}) contract(verb, {"ve"}, false);
    add("cannot", 3), add("gonna", 3), add("gotta", 3), add("let's", 3), add("let\xe2\x80\x99s", 3);
    for (const char* whole :
         {"a.m.", "p.m.", "e.g.", "i.e.",  "E.g.",  "I.e.", "vs.",   "v.s.", "co.",  "and/or", "w/o",  "C++",
          "Mr.",  "Mrs.", "Ms.",  "Dr.",   "Prof.", "Jr.",  "St.",   "Inc.", "Ltd.", "Corp.",  "Co.",  "Bros.",
          "Gen.", "Gov.", "Rep.", "Rev.",  "Sen.",  "Mt.",  "Ph.D.", "Jan.", "Feb.", "Mar.",   "Apr.", "Jun.",
          "Jul.", "Aug.", "Sep.", "Sept.", "Oct.",  "Nov.", "Dec.",  ":)",   ":-)",  ";)",     ";-)",  ":(",
          ":-(",  ":D",   ":-D",  ":P",    ":/",    ":|",   "<3",    "^_^",  "-_-",  "o_o",    "O_O"}) {
      table_[whole] = {0, 0};
    }
    for (char letter = 'a'; letter <= 'z'; ++letter) table_[std::string(1, letter) + "."] = {0, 0};
    for (const char* inherited :
         {"Ill", "ill", "Its", "its", "Hell", "hell", "Shell", "shell", "Shed", "shed", "were", "Were", "Well", "well"}) {
      table_.erase(inherited);
    }
  }
  const Splits* find(std::string_view chunk) const {
    if (chunk.size() < 2 || chunk.size() > 16) return nullptr;
    const auto found = table_.find(chunk);
    return found == table_.end() ? nullptr : &found->second;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  void add(std::string chunk, std::size_t first, std::size_t second = 0) {
    const Splits splits = {static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(second)};
    table_[chunk] = splits;
    chunk[0] = static_cast<char>(chunk[0] >= 'a' && chunk[0] <= 'z' ? chunk[0] - 32 : chunk[0]);
    table_[chunk] = splits;
  }
  void contract(const std::string& word, const std::vector<std::string>& endings, bool with_have) {
    for (const char* apostrophe : {"'", "\xe2\x80\x99", ""}) {
      for (const std::string& ending : endings) {
        const std::string tail = apostrophe + ending;
        add(word + tail, word.size());
        if (with_have) add(word + tail + apostrophe + "ve", word.size(), tail.size());
      }
    }
  }
  std::unordered_map<std::string, Splits, Hash, std::equal_to<>> table_;
};

const Exceptions& exceptions() {
  static const Exceptions instance;
  return instance;
}

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

// One chunk between white space, as characters.
class ChunkSplitter {
 public:
  ChunkSplitter(std::string_view chunk, std::vector<std::string_view>& words) : chunk_(chunk), words_(words) {}

  void split() {
    letters_.clear();
    bool unspaced = false;
    for (std::uint32_t at = 0; at < chunk_.size();) {
      int length;
      const char32_t point = decode_valid(chunk_.data() + at, length);
      letters_.push_back({point, character_bits(point), at});
      unspaced |= (letters_.back().bits & kUnspaced) != 0;
      at += length;
    }
    if (!unspaced) return split_range(0, letters_.size());
    // Letters of scripts without spaces, one by one with the marks on them; what stands between them as usual.
    std::size_t begin = 0;
    for (std::size_t i = 0; i < letters_.size();) {
      if (!(letters_[i].bits & kUnspaced)) {
        ++i;
        continue;
      }
      if (begin < i) split_range(begin, i);
      std::size_t end = i + 1;
      while (end < letters_.size() && (letters_[end].bits & kNonspacing)) ++end;
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

  void split_range(std::size_t begin, std::size_t end) {
    suffixes_.clear();
    for (;;) {
      if (begin >= end || exceptions().find(view(begin, end))) break;
      const std::size_t prefix = prefix_length(begin, end);
      if (prefix > 0 && begin + prefix < end && exceptions().find(view(begin + prefix, end))) {
        put(begin, begin + prefix);
        begin += prefix;
        break;
      }
      const std::size_t suffix = begin + prefix < end ? suffix_length(begin + prefix, end) : 0;
      if (suffix > 0 && begin < end - suffix && exceptions().find(view(begin, end - suffix))) {
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
  }

  void split_middle(std::size_t begin, std::size_t end) {
    const std::string_view middle = view(begin, end);
    if (const Splits* splits = exceptions().find(middle)) {
      const std::size_t first = (*splits)[0], second = (*splits)[1];
      if (first == 0) return words_.push_back(middle);
      words_.push_back(middle.substr(0, first));
      if (second > 0) words_.push_back(middle.substr(first, second));
      return words_.push_back(middle.substr(first + second));
    }
    if (is_address(begin, end)) return words_.push_back(middle);
    std::size_t word = begin;
    for (std::size_t i = begin; i < end;) {
      const std::size_t infix = infix_length(begin, i, end);
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

  std::size_t suffix_length(std::size_t begin, std::size_t end) const {
    const Letter& last = letters_[end - 1];
    const std::size_t size = end - begin;
    if ((last.point == 's' || last.point == 'S') && size >= 2) {
      const char32_t before = letters_[end - 2].point;
      if (before == '\'' || before == 0x2019) return 2;
    }
    if (last.bits & (kSymbol | kIcon)) return 1;
    if (last.point == 0x2013 || last.point == 0x2014 || last.point == 0x2026) return 1;
    if (last.point == '.') {
      std::size_t dots = 1;
      while (dots < size && letters_[end - 1 - dots].point == '.') ++dots;
      if (dots >= 2) return dots;
      if (size < 2) return 0;
      const Letter& before = letters_[end - 2];
      if (is_digit(before) || is_lower(before) || (before.bits & kSymbol) || before.point == '%' || before.point == 0xB2 ||
          before.point == '-' || before.point == '+') {
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
      if (!is_alpha(*before)) return 0;
      std::size_t length = 1;
      const std::size_t most = here.point == '-' ? 3 : here.point == 0x2014 ? 2 : 1;
      while (length < most && at + length < end && letters_[at + length].point == here.point) ++length;
      return at + length < end && is_alpha(letters_[at + length]) ? length : 0;
    }
    return 0;
  }

  // [scheme://][user@]label(.label)*.tld[:port][/?#...], the last label of at least two letters in lower case.
  bool is_address(std::size_t begin, std::size_t end) const {
    std::size_t at = begin;
    const auto find = [&](char32_t point, std::size_t from) {
      while (from < end && letters_[from].point != point) ++from;
      return from;
    };
    if (find('.', begin) == end) return false;
    const std::size_t colon = find(':', begin);
    if (colon > begin + 1 && colon + 2 < end && letters_[colon + 1].point == '/' && letters_[colon + 2].point == '/')
      at = colon + 3;
    std::size_t stop = at;
    while (stop < end && letters_[stop].point != '/' && letters_[stop].point != '?' && letters_[stop].point != '#') ++stop;
    for (std::size_t i = stop; i-- > at + 1;) {
      if (letters_[i].point == '@') {
        at = i + 1;
        break;
      }
    }
    const std::size_t port = std::min(find(':', at), stop);
    for (std::size_t i = port + 1; i < stop; ++i) {
      if (!is_digit(letters_[i])) return false;
    }
    int labels = 0;
    bool last_is_lower = false;
    for (std::size_t label = at; label <= port;) {
      const std::size_t dot = std::min(find('.', label), port);
      if (dot == label) return false;
      last_is_lower = dot - label >= 2;
      for (std::size_t i = label; i < dot; ++i) {
        const Letter& letter = letters_[i];
        const bool word = is_digit(letter) || (letter.point < 0x80 && is_alpha(letter)) || letter.point > 0xA0;
        if (!word && !(i > label && i + 1 < dot && (letter.point == '-' || letter.point == '_'))) return false;
        last_is_lower &= is_lower(letter);
      }
      ++labels;
      label = dot + 1;
    }
    return labels >= 2 && last_is_lower;
  }

  std::string_view chunk_;
  std::vector<std::string_view>& words_;
  std::vector<Letter> letters_;
  std::vector<std::pair<std::size_t, std::size_t>> suffixes_;

 public:
  void set_chunk(std::string_view chunk) { chunk_ = chunk; }
};

constexpr std::array<bool, 256> kAsciiLetter = [] {
  std::array<bool, 256> letters{};
  for (int c = 'a'; c <= 'z'; ++c) letters[c] = letters[c - 32] = true;
  return letters;
}();

}  // namespace

void split_words(std::string_view text, std::vector<std::string_view>& words) {
  ChunkSplitter splitter({}, words);
  for (std::size_t at = 0; at < text.size();) {
    int length = 1;
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80 ? (character_bits(byte) & kSpace) != 0
                    : (character_bits(decode_valid(text.data() + at, length)) & kSpace) != 0) {
      at += length;
      continue;
    }
    const std::size_t begin = at;
    bool plain = true;  // nothing but a to z, A to Z: the common case, done without a second look
    for (; at < text.size(); at += length) {
      const auto c = static_cast<unsigned char>(text[at]);
      length = 1;
      if (kAsciiLetter[c]) continue;
      if (c > 0x20 && c < 0x7F) {
        plain = false;
        continue;
      }
      if (character_bits(c < 0x80 ? c : decode_valid(text.data() + at, length)) & kSpace) break;
      plain = false;
    }
    const std::string_view chunk = text.substr(begin, at - begin);
    if (plain && (chunk.size() < 2 || chunk.size() > 11 || !exceptions().find(chunk))) {
      words.push_back(chunk);
    } else {
      splitter.set_chunk(chunk);
      splitter.split();
    }
  }
}

int count_sentences(const std::vector<std::string_view>& words) {
  int sentences = 0;
  bool ended = true;
  for (const std::string_view word : words) {
    bool terminal = false, punctuation = true;
    std::size_t count = 0;
    for (std::size_t at = 0; at < word.size(); ++count) {
      int length;
      const std::uint16_t bits = character_bits(decode_valid(word.data() + at, length));
      terminal = bits & kTerminal;
      punctuation &= (bits & (kPunctuation | kSymbol | kTerminal)) != 0;
      at += length;
    }
    terminal &= count == 1;
    if (sentences == 0 || (ended && !terminal && !punctuation)) {
      ++sentences;
      ended = terminal;
    } else if (terminal) {
      ended = true;
    }
  }
  return std::max(sentences, 1);
}

const std::vector<std::string_view>& TextAnalysis::words() {
  if (!words_) {
    words_.emplace();
    words_->reserve(text_.size() / 5);
    split_words(text_, *words_);
  }
  return *words_;
}

std::size_t TextAnalysis::characters() {
  if (!characters_) characters_ = count_characters(text_);
  return *characters_;
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
