#include "engine/data/json_line.h"

#include <array>
#include <charconv>
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

std::size_t plain_run(std::string_view text, std::size_t at) {
  while (at < text.size() && !kEndsRun[static_cast<unsigned char>(text[at])]) ++at;
  return at;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

JsonLine::JsonLine(std::string_view line) : line_(line) {
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
  value.clear();
  for (;;) {
    const std::size_t end = plain_run(line_, at_);
    value.append(line_, at_, end - at_);
    at_ = end;
    if (at_ == line_.size()) fail("column {}: the string does not end", at_ + 1);
    if (line_[at_] == '"') return void(++at_);
    if (line_[at_] != '\\') fail("column {}: control character in a string", at_ + 1);
    ++at_;
    text::append_utf8(value, take_escape());
  }
}

unsigned JsonLine::take_hex4() {
  unsigned number = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const char c = at_ < line_.size() ? line_[at_] : '\0';
    if (is_digit(c))
      number = number * 16 + (c - '0');
    else if (c >= 'a' && c <= 'f')
      number = number * 16 + (c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      number = number * 16 + (c - 'A' + 10);
    else
      fail("column {}: expected four hexadecimal digits after \\u", at_ + 1);
  }
  return number;
}

char32_t JsonLine::take_escape() {
  const char c = at_ < line_.size() ? line_[at_] : '\0';
  ++at_;
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'u':
      break;
    default:
      fail("column {}: unknown escape in a string", at_);
  }
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
