#include "engine/data/characters.h"

#include <algorithm>
#include <cstring>

#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

using text::append_utf8;
using text::decode_valid;

constexpr char32_t kTabled = 0x30000;  // planes 0 to 2; later ones are searched for

struct Table {
  Table() : bits(kTabled), fold(kTabled, 0) {
    for (std::size_t i = 0; i < kCharacterRunCount; ++i) {
      const std::size_t end = i + 1 < kCharacterRunCount ? kCharacterRuns[i + 1].first : kTabled;
      for (std::size_t p = kCharacterRuns[i].first; p < std::min<std::size_t>(end, kTabled); ++p)
        bits[p] = kCharacterRuns[i].bits;
    }
    for (std::size_t i = 0; i < kCharacterFoldCount; ++i) {
      if (kCharacterFolds[i].from < kTabled) fold[kCharacterFolds[i].from] = static_cast<std::uint16_t>(i + 1);
    }
  }
  std::vector<std::uint16_t> bits;
  std::vector<std::uint16_t> fold;  // index + 1 in kCharacterFolds, 0 = itself
};

const Table& table() {
  static const Table instance;
  return instance;
}

void append_folded(std::string& out, char32_t point) {
  if (point >= 0xAC00 && point <= 0xD7A3) {  // Hangul syllable: Unicode §3.12
    const char32_t index = point - 0xAC00;
    append_utf8(out, 0x1100 + index / 588);
    append_utf8(out, 0x1161 + index % 588 / 28);
    if (index % 28 != 0) append_utf8(out, 0x11A7 + index % 28);
    return;
  }
  const std::uint16_t fold = point < kTabled ? table().fold[point] : 0;
  if (fold != 0)
    out += kCharacterFolds[fold - 1].to;
  else
    append_utf8(out, point);
}

bool is_decimal_separator(char32_t point) {
  return point == '.' || point == ',' || point == 0x060C || point == 0x066B || point == 0x2396 || point == 0x2397 ||
         point == 0x2398;
}

struct Walk {
  std::string_view text;
  std::size_t at = 0;
  bool done() const { return at >= text.size(); }
  char32_t peek(int& length) const { return decode_valid(text.data() + at, length); }
};

// After the digit at walk.at: skips the number, with one decimal part.
void skip_number(Walk& walk) {
  const auto skip_digits = [&walk] {
    bool any = false;
    int length;
    while (!walk.done() && (character_bits(walk.peek(length)) & kDecimal)) {
      walk.at += length;
      any = true;
    }
    return any;
  };
  skip_digits();
  if (walk.done()) return;
  int length;
  if (!is_decimal_separator(walk.peek(length))) return;
  const std::size_t before = walk.at;
  walk.at += length;
  if (!skip_digits()) walk.at = before;
}

// Sigma at the end of a word is lower-cased to the final form (Unicode's Final_Sigma, without its case-ignorable marks).
bool is_final_sigma(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  std::size_t before = at - 1;
  while (before > 0 && (text[before] & '\xc0') == '\x80') --before;
  int length;
  if (!(character_bits(decode_valid(text.data() + before, length)) & kAlpha)) return false;
  return at + 2 >= text.size() || !(character_bits(decode_valid(text.data() + at + 2, length)) & kAlpha);
}

bool is_line_end(char32_t point) {
  return (point >= 0x0A && point <= 0x0D) || (point >= 0x1C && point <= 0x1E) || point == 0x85 || point == 0x2028 ||
         point == 0x2029;
}

}  // namespace

std::uint16_t character_bits(char32_t point) {
  if (point < kTabled) return table().bits[point];
  const CharacterRun* end = kCharacterRuns + kCharacterRunCount;
  const CharacterRun* after =
      std::upper_bound(kCharacterRuns, end, point, [](char32_t p, const CharacterRun& run) { return p < run.first; });
  return after[-1].bits;
}

std::string simplify(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool space = false;  // one is due before the next character that is written
  for (Walk walk{text}; !walk.done();) {
    int length;
    const char32_t point = walk.peek(length);
    const std::uint16_t bits = character_bits(point);
    if (bits & kDecimal) {
      if (space && !out.empty()) out += ' ';
      space = false;
      out += '0';
      skip_number(walk);
      continue;
    }
    if (bits & (kPunctuation | kSpace)) {
      space = true;
    } else {
      if (space && !out.empty()) out += ' ';
      if (point < 0x80)
        out += static_cast<char>(point >= 'A' && point <= 'Z' ? point + 32 : point);
      else if (point == 0x3A3 && is_final_sigma(text, walk.at))
        out += "\xcf\x82";
      else if (!(bits & kNonspacing))
        append_folded(out, point);
      space = false;
    }
    walk.at += length;
  }
  const std::string_view stripped = strip(out);
  return stripped.size() == out.size() ? out : std::string(stripped);
}

std::string lower_case_ascii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return lower;
}

std::size_t count_characters(std::string_view utf8) {
  // All bytes but those that continue a character, sixteen at a time; a lane counts to 255 before it is taken out.
  using Bytes = signed char __attribute__((vector_size(16)));
  using Lanes = unsigned char __attribute__((vector_size(16)));
  constexpr signed char kLastContinuation = -65;  // 0xBF
  std::size_t count = 0, at = 0;
  while (at + 16 <= utf8.size()) {
    const std::size_t end = std::min(utf8.size() - 15, at + 255 * 16);
    Lanes lanes = {};
    for (; at < end; at += 16) {
      Bytes bytes;
      std::memcpy(&bytes, utf8.data() + at, sizeof bytes);
      lanes -= reinterpret_cast<Lanes>(bytes > kLastContinuation);  // true is -1
    }
    for (int i = 0; i < 16; ++i) count += lanes[i];
  }
  for (; at < utf8.size(); ++at) count += (utf8[at] & '\xc0') != '\x80';
  return count;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    int length = 1;
    const bool could_end = byte < 0x20 || byte == 0xC2 || byte == 0xE2;
    const char32_t point = could_end ? decode_valid(text.data() + at, length) : byte;
    if (!could_end || !is_line_end(point)) {
      at += length;
      continue;
    }
    lines.push_back(text.substr(begin, at - begin));
    at += length;
    if (point == '\r' && at < text.size() && text[at] == '\n') ++at;
    begin = at;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

// Whether `text`, not empty, begins with a space of `length` bytes. A character that is cut short at the end, as in a name that
// was clipped or a file that is not UTF-8, is none.
static bool begins_with_space(std::string_view text, int& length) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t needed = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return needed <= text.size() && (character_bits(decode_valid(text.data(), length)) & kSpace);
}

std::string_view strip_left(std::string_view text) {
  int length;
  while (!text.empty() && begins_with_space(text, length)) text.remove_prefix(length);
  return text;
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && (text[start] & '\xc0') == '\x80') --start;
    int length;
    if (!begins_with_space(text.substr(start), length)) break;
    text = text.substr(0, start);
  }
  return text;
}

std::string_view strip(std::string_view text) {
  return strip_right(strip_left(text));
}

}  // namespace cairn::data
