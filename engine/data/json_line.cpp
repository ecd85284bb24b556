#include "engine/data/json_line.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "base/error.h"
#include "base/json_escape.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

constexpr int kMaxDepth = 100;

// Bytes that end a plain run inside a JSON string: quote, backslash, control characters.
constexpr std::array<bool, 256> kEndsRun = [] {
  std::array<bool, 256> ends{};
  for (int c = 0; c < 32; ++c) ends[c] = true;
  ends['"'] = ends['\\'] = true;
  return ends;
}();

// What stands for a character behind a backslash; 0: no such escape, or one with digits.
constexpr std::array<char, 256> kSimpleEscapes = [] {
  std::array<char, 256> escapes{};
  escapes['"'] = '"', escapes['\\'] = '\\', escapes['/'] = '/';
  escapes['b'] = '\b', escapes['f'] = '\f', escapes['n'] = '\n', escapes['r'] = '\r', escapes['t'] = '\t';
  return escapes;
}();
constexpr std::array<std::uint8_t, 256> kHexDigit = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(255);
  for (int c = '0'; c <= '9'; ++c) digits[c] = static_cast<std::uint8_t>(c - '0');
  for (int c = 'a'; c <= 'f'; ++c) digits[c] = digits[c - 32] = static_cast<std::uint8_t>(c - 'a' + 10);
  return digits;
}();

// Some bytes side by side, and bits for those that end a plain run, the first byte's lowest.
#if defined(__SSE2__)
constexpr std::size_t kLanes = 16, kBitsOfLane = 1;
std::uint64_t ends_of_run(const char* bytes) {
  const __m128i lanes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(lanes, _mm_set1_epi8(31)), lanes);
  const __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(lanes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(lanes, _mm_set1_epi8('\\')));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(control, marks)));
}
#else
constexpr std::size_t kLanes = 8, kBitsOfLane = 8;
std::uint64_t ends_of_run(const char* bytes) {
  using Bytes = unsigned char __attribute__((vector_size(8)));
  Bytes lanes;
  std::memcpy(&lanes, bytes, sizeof lanes);
  const auto ends = (lanes == '"') | (lanes == '\\') | (lanes < 32);
  std::uint64_t bits = 0;
  static_assert(sizeof bits == sizeof ends && std::endian::native == std::endian::little);
  std::memcpy(&bits, &ends, sizeof bits);
  return bits;
}
#endif

std::size_t plain_run(std::string_view text, std::size_t at) {
  for (; at + kLanes <= text.size(); at += kLanes) {
    if (const std::uint64_t ends = ends_of_run(text.data() + at); ends != 0)
      return at + static_cast<std::size_t>(std::countr_zero(ends)) / kBitsOfLane;
  }
  while (at < text.size() && !kEndsRun[static_cast<unsigned char>(text[at])]) ++at;
  return at;
}

// UTF-8 of a code point, written to `out`: behind its end.
char* put_utf8(char* out, char32_t point) {
  const auto put = [&out](char32_t byte) { *out++ = static_cast<char>(static_cast<unsigned char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  }
  return out;
}

// The number that four hexadecimal digits say; more than 0xFFFF when they are not four digits.
std::uint32_t hex4(const char* digits) {
  const auto digit = [digits](int i) { return std::uint32_t{kHexDigit[static_cast<unsigned char>(digits[i])]}; };
  const std::uint32_t a = digit(0), b = digit(1), c = digit(2), d = digit(3);
  return (a | b | c | d) > 15 ? 0x10000 : a << 12 | b << 8 | c << 4 | d;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

JsonLine::JsonLine(std::string_view line) : line_(line), spare_room_(2 * line.size()) {
  const std::size_t valid = text::valid_utf8_prefix(line);
  if (valid != line.size()) fail("column {}: not UTF-8", valid + 1);
}

void JsonLine::fail_here(std::string_view expected) {
  fail("column {}: expected {}, found {}", at_ + 1, expected, kind_that_follows());
}

void JsonLine::skip_space() {
  while (at_ < line_.size() && (line_[at_] == ' ' || line_[at_] == '\t' || line_[at_] == '\r' || line_[at_] == '\n')) ++at_;
}

const char* JsonLine::kind_that_follows() {
  skip_space();
  if (at_ == line_.size()) return "nothing";
  const char c = line_[at_];
  if (c == '"') return "a string";
  if (c == '{') return "an object";
  if (c == '[') return "a list";
  if (c == '-' || is_digit(c)) return "a number";
  if (line_.substr(at_, 4) == "true" || line_.substr(at_, 5) == "false") return "true or false";
  if (line_.substr(at_, 4) == "null") return "null";
  return "something that is not JSON";
}

void JsonLine::open_object() {
  skip_space();
  if (at_ == line_.size() || line_[at_] != '{') fail_here("an object");
  ++at_;
  first_member_ = true;
}

bool JsonLine::next_member(std::string& key) {
  skip_space();
  if (at_ < line_.size() && line_[at_] == '}') {
    ++at_;
    first_member_ = false;
    return false;
  }
  if (!first_member_) {
    if (at_ == line_.size() || line_[at_] != ',') fail_here("',' or '}'");
    ++at_;
  }
  first_member_ = false;
  if (!string_follows()) fail_here("a member's name");
  take_string(key);
  skip_space();
  if (at_ == line_.size() || line_[at_] != ':') fail_here("':'");
  ++at_;
  return true;
}

void JsonLine::finish() {
  skip_space();
  if (at_ != line_.size()) fail_here("the end of the line");
}

bool JsonLine::string_follows() {
  skip_space();
  return at_ < line_.size() && line_[at_] == '"';
}

void JsonLine::take_string(std::string& value) {
  if (!string_follows()) fail_here("a string");
  ++at_;
  const std::size_t end = plain_run(line_, at_);
  value.assign(line_, at_, end - at_);
  at_ = end;
  if (at_ < line_.size() && line_[at_] == '"') return void(++at_);
  take_rest_of_string(value);
}

// Behind a first plain run. What is left of the string is room enough, since no escape is shorter than what it stands for: bytes
// are copied there several at a time, with those behind the end of a run, which what follows overwrites. What is left of the line
// is room, too, and known at once; but of many short strings on a long line only the first may take it.
void JsonLine::take_rest_of_string(std::string& value) {
  std::size_t end = line_.size();
  if (end - at_ <= spare_room_) {
    spare_room_ -= end - at_;
  } else {
    end = at_;
    while (end < line_.size() && line_[end] != '"') end = plain_run(line_, end + (line_[end] == '\\' ? 2 : 1));
    end = std::min(end, line_.size());
  }
  const std::size_t begin = value.size();
  value.resize(begin + end - at_ + kLanes);
  // In locals: a char that is written might else be one of this object's.
  char* out = value.data() + begin;
  const char *in = line_.data() + at_, *const line_end = line_.data() + line_.size();
  const auto fail_at = [this](const char* where, const char* what) { fail("column {}: {}", where - line_.data() + 1, what); };
  for (;;) {
    std::uint64_t ends = 0;
    for (; line_end - in >= static_cast<std::ptrdiff_t>(kLanes); in += kLanes, out += kLanes) {
      std::memcpy(out, in, kLanes);
      if ((ends = ends_of_run(in)) != 0) break;
    }
    if (ends != 0) {
      const std::size_t plain = static_cast<std::size_t>(std::countr_zero(ends)) / kBitsOfLane;
      in += plain;
      out += plain;
    } else {
      while (in < line_end && !kEndsRun[static_cast<unsigned char>(*in)]) *out++ = *in++;
      if (in == line_end) fail_at(in, "the string does not end");
    }
    if (*in == '"') break;
    if (*in != '\\') fail_at(in, "control character in a string");
    do {  // one escape may follow another, as in text that was written in ASCII alone
      ++in;
      const char simple = in < line_end ? kSimpleEscapes[static_cast<unsigned char>(*in)] : '\0';
      if (simple != '\0') {
        *out++ = simple;
        ++in;
      } else if (const std::uint32_t point = line_end - in > 4 && *in == 'u' ? hex4(in + 1) : 0x10000; point < 0xD800) {
        out = put_utf8(out, point);
        in += 5;
      } else {  // surrogates, the last of a plane, and what is none
        at_ = static_cast<std::size_t>(in - line_.data());
        out = put_utf8(out, take_escape());
        in = line_.data() + at_;
      }
    } while (in < line_end && *in == '\\');
  }
  at_ = static_cast<std::size_t>(in - line_.data()) + 1;
  value.resize(static_cast<std::size_t>(out - value.data()));
}

unsigned JsonLine::take_hex4() {
  if (line_.size() - at_ >= 4) {
    if (const std::uint32_t number = hex4(line_.data() + at_); number <= 0xFFFF) return at_ += 4, number;
  }
  while (at_ < line_.size() && kHexDigit[static_cast<unsigned char>(line_[at_])] <= 15) ++at_;
  fail("column {}: expected four hexadecimal digits after \\u", at_ + 1);
}

char32_t JsonLine::take_escape() {
  const char c = at_ < line_.size() ? line_[at_] : '\0';
  ++at_;
  if (const char simple = kSimpleEscapes[static_cast<unsigned char>(c)]; simple != '\0')
    return static_cast<unsigned char>(simple);
  if (c != 'u') fail("column {}: unknown escape in a string", at_);
  const unsigned high = take_hex4();
  if (high < 0xD800 || high > 0xDFFF) return high;
  // A lone surrogate stands for nothing; writers that cut text in the middle of a pair leave them. It becomes U+FFFD.
  if (high > 0xDBFF || line_.substr(at_, 2) != "\\u") return 0xFFFD;
  const std::size_t before = at_;
  at_ += 2;
  const unsigned low = take_hex4();
  if (low >= 0xDC00 && low <= 0xDFFF) return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  at_ = before;
  return 0xFFFD;
}

double JsonLine::take_number() {
  if (std::string_view(kind_that_follows()) != "a number") fail_here("a number");
  const std::size_t begin = at_;
  skip_value(0);
  double value = 0;
  const auto [end, error] = std::from_chars(line_.data() + begin, line_.data() + at_, value);
  if (error != std::errc() || end != line_.data() + at_) fail("column {}: the number is out of range", begin + 1);
  return value;
}

void JsonLine::skip_value() {
  skip_value(0);
}

void JsonLine::skip_value(int depth) {
  if (depth > kMaxDepth) fail("column {}: nested deeper than {}", at_ + 1, kMaxDepth);
  skip_space();
  const char c = at_ < line_.size() ? line_[at_] : '\0';
  if (c == '"') {
    for (++at_;; ++at_) {
      at_ = plain_run(line_, at_);
      if (at_ == line_.size()) fail("column {}: the string does not end", at_ + 1);
      if (line_[at_] == '"') return void(++at_);
      if (line_[at_] != '\\') fail("column {}: control character in a string", at_ + 1);
      ++at_;
      take_escape();
      --at_;
    }
  }
  if (c == '{') {
    std::string key;
    for (open_object(); next_member(key);) skip_value(depth + 1);
    return;
  }
  if (c == '[') {
    ++at_;
    skip_space();
    if (at_ < line_.size() && line_[at_] == ']') return void(++at_);
    for (;;) {
      skip_value(depth + 1);
      skip_space();
      const char next = at_ < line_.size() ? line_[at_] : '\0';
      if (next != ',' && next != ']') fail_here("',' or ']'");
      ++at_;
      if (next == ']') return;
    }
  }
  for (const std::string_view word : {"true", "false", "null"}) {
    if (line_.substr(at_, word.size()) == word) return void(at_ += word.size());
  }
  std::size_t end = at_;
  if (end < line_.size() && line_[end] == '-') ++end;
  const std::size_t digits = end;
  while (end < line_.size() && is_digit(line_[end])) ++end;
  if (end == digits) fail_here("a value");
  if (end < line_.size() && line_[end] == '.') {
    ++end;
    while (end < line_.size() && is_digit(line_[end])) ++end;
  }
  if (end < line_.size() && (line_[end] == 'e' || line_[end] == 'E')) {
    ++end;
    if (end < line_.size() && (line_[end] == '+' || line_[end] == '-')) ++end;
    while (end < line_.size() && is_digit(line_[end])) ++end;
  }
  at_ = end;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t at = 0;;) {
    const std::size_t end = plain_run(text, at);
    out.append(text, at, end - at);
    if (end == text.size()) break;
    append_json_escape(out, text[end]);
    at = end + 1;
  }
  out += '"';
}

}  // namespace cairn::data
