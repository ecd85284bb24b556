// A recursive-descent JSON parser (RFC 8259). Our own because errors need line and column at every level, also for duplicate
// keys, and because documents by the million pass through it.
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"

namespace cairn {
namespace {

class Parser {
 public:
  Parser(std::string_view text, std::string_view origin) : text_(text), origin_(origin) {}

  Json parse_document() {
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") at_ = 3;  // a byte order mark is harmless
    skip_space();
    Json value = parse_value(0);
    skip_space();
    if (at_ < text_.size()) error("expected the end, found {}", found());
    return value;
  }

 private:
  template <typename... Args>
  [[noreturn]] void error_at(std::size_t place, fmt::format_string<Args...> format, Args&&... args) const {
    std::size_t line = 1;
    std::size_t line_start = 0;
    for (std::size_t i = 0; i < place; ++i) {
      if (text_[i] == '\n') {
        ++line;
        line_start = i + 1;
      }
    }
    std::size_t column = 1;
    for (std::size_t i = line_start; i < place; ++i)
      column += (static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80;  // code points
    fail("{}: line {}, column {}: {}", origin_, line, column, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  [[noreturn]] void error(fmt::format_string<Args...> format, Args&&... args) const {
    error_at(at_, format, std::forward<Args>(args)...);
  }

  // What stands at the place, for people.
  std::string found() const {
    if (at_ >= text_.size()) return "the end of the text";
    const char c = text_[at_];
    if (c == '\n' || c == '\r') return "the end of the line";
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      return fmt::format("the control character 0x{:02x}", static_cast<unsigned char>(c));
    const CodePoint point = decode_utf8(text_, at_);
    if (point.bytes == 0) return "bytes that are not UTF-8";
    return fmt::format("'{}'", text_.substr(at_, static_cast<std::size_t>(point.bytes)));
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) ++at_;
  }

  Json parse_value(int depth) {
    switch (peek()) {
      case '{':
        return parse_object(depth + 1);
      case '[':
        return parse_array(depth + 1);
      case '"':
        return parse_string();
      case 't':
        return parse_word("true", true);
      case 'f':
        return parse_word("false", false);
      case 'n':
        return parse_word("null", nullptr);
      default:
        break;
    }
    if (peek() == '-' || is_digit(peek())) return parse_number();
    error("expected a value, found {}", found());
  }

  Json parse_word(std::string_view word, Json value) {
    if (text_.substr(at_, word.size()) != word) error("expected a value, found {}", found());
    at_ += word.size();
    return value;
  }

  void check_depth(int depth) const {
    if (depth > kMostJsonDepth) error("nested deeper than {}", kMostJsonDepth);
  }

  Json parse_array(int depth) {
    check_depth(depth);
    const std::size_t start = at_++;
    Json::array_t items;
    skip_space();
    if (peek() == ']') {
      ++at_;
      return items;
    }
    for (;;) {
      if (at_ >= text_.size()) complain_about_end(start, "a value");
      items.push_back(parse_value(depth));
      skip_space();
      if (peek() == ']') break;
      if (peek() != ',') complain_about_end(start, "',' or ']'");
      ++at_;
      skip_space();
      if (peek() == ']') error("expected a value after ',', found ']'");
    }
    ++at_;
    return items;
  }

  Json parse_object(int depth) {
    check_depth(depth);
    const std::size_t start = at_++;
    Json::object_t members;
    skip_space();
    if (peek() == '}') {
      ++at_;
      return members;
    }
    for (;;) {
      const std::size_t key_at = at_;
      if (peek() != '"') complain_about_end(start, "a key in quotes");
      std::string key = parse_string();
      skip_space();
      if (peek() != ':') error("expected ':' after the key, found {}", found());
      ++at_;
      skip_space();
      // Keys often come sorted, then the end is the right hint.
      const std::size_t before = members.size();
      const auto place = members.emplace_hint(members.end(), std::move(key), nullptr);
      if (members.size() == before) error_at(key_at, "the key {} appears twice", quoted(place->first));
      place->second = parse_value(depth);
      skip_space();
      if (peek() == '}') break;
      if (peek() != ',') complain_about_end(start, "',' or '}'");
      ++at_;
      skip_space();
      if (peek() == '}') error("expected a key after ',', found '}}'");
    }
    ++at_;
    return members;
  }

  // A missing bracket shows at the end of the text; where it was opened is what helps.
  [[noreturn]] void complain_about_end(std::size_t start, std::string_view expected) const {
    if (at_ >= text_.size()) error_at(start, "this '{}' is never closed", text_[start]);
    error("expected {}, found {}", expected, found());
  }

  static std::string quoted(std::string_view key) { return fmt::format("\"{}\"", key); }

  std::string parse_string() {
    const std::size_t start = at_++;
    std::string value;
    for (;;) {
      std::size_t end = at_;
      while (end < text_.size()) {
        const auto c = static_cast<unsigned char>(text_[end]);
        if (c == '"' || c == '\\' || c < 0x20) break;
        if (c < 0x80) {
          ++end;
          continue;
        }
        const CodePoint point = decode_utf8(text_, end);
        if (point.bytes == 0) error_at(end, "the text is not UTF-8 here");
        end += static_cast<std::size_t>(point.bytes);
      }
      value.append(text_, at_, end - at_);
      at_ = end;
      if (at_ >= text_.size()) error_at(start, "this string is never closed");
      if (text_[at_] == '"') {
        ++at_;
        return value;
      }
      if (text_[at_] != '\\') error("expected the end of the string, found {} (write it as an escape)", found());
      parse_escape(value);
    }
  }

  void parse_escape(std::string& value) {
    const std::size_t start = at_++;
    const char kind = peek();
    ++at_;
    switch (kind) {
      case '"':
        value += '"';
        return;
      case '\\':
        value += '\\';
        return;
      case '/':
        value += '/';
        return;
      case 'b':
        value += '\b';
        return;
      case 'f':
        value += '\f';
        return;
      case 'n':
        value += '\n';
        return;
      case 'r':
        value += '\r';
        return;
      case 't':
        value += '\t';
        return;
      case 'u':
        break;
      default:
        error_at(start, "unknown escape in a string");
    }
    char32_t unit = parse_four_hex_digits(start);
    if (unit >= 0xDC00 && unit <= 0xDFFF) error_at(start, "half of a surrogate pair stands alone");
    if (unit >= 0xD800 && unit <= 0xDBFF) {
      if (text_.substr(at_, 2) != "\\u") error_at(start, "half of a surrogate pair stands alone");
      at_ += 2;
      const char32_t low = parse_four_hex_digits(start);
      if (low < 0xDC00 || low > 0xDFFF) error_at(start, "half of a surrogate pair stands alone");
      unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(value, unit);
  }

  char32_t parse_four_hex_digits(std::size_t start) {
    std::uint32_t unit = 0;
    const std::string_view digits = text_.substr(at_, 4);
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
    if (digits.size() != 4 || result.ptr != digits.data() + 4) error_at(start, "expected four hex digits after \\u");
    at_ += 4;
    return unit;
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  void skip_digits(std::string_view where) {
    if (!is_digit(peek())) error("expected a digit {}, found {}", where, found());
    while (is_digit(peek())) ++at_;
  }

  Json parse_number() {
    const std::size_t start = at_;
    bool whole = true;
    if (peek() == '-') ++at_;
    if (peek() == '0') {
      ++at_;
      if (is_digit(peek())) error_at(start, "a number may not begin with 0");
    } else {
      skip_digits("after '-'");
    }
    if (peek() == '.') {
      whole = false;
      ++at_;
      skip_digits("after '.'");
    }
    if (peek() == 'e' || peek() == 'E') {
      whole = false;
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      skip_digits("in the exponent");
    }
    const std::string_view digits = text_.substr(start, at_ - start);
    const char* const begin = digits.data();
    const char* const end = begin + digits.size();
    if (whole && digits[0] != '-') {
      std::uint64_t number = 0;
      if (std::from_chars(begin, end, number).ec == std::errc()) return number;
    } else if (whole) {
      std::int64_t number = 0;
      if (std::from_chars(begin, end, number).ec == std::errc()) return number;
    }
    // Whole numbers beyond 64 bits become doubles, as everywhere (tokenizer_config.json holds 10^30).
    double number = 0;
    const auto result = std::from_chars(begin, end, number);
    if (result.ec == std::errc::result_out_of_range) number = is_tiny(digits) ? (digits[0] == '-' ? -0.0 : 0.0) : HUGE_VAL;
    if (!std::isfinite(number)) error_at(start, "the number is too large for a double");
    return number;
  }

  // Whether a number that is out of range is too near to zero (else it is too large): by the power of ten of its first non-zero
  // digit.
  static bool is_tiny(std::string_view digits) {
    const std::size_t exponent_at = std::min(digits.find_first_of("eE"), digits.size());
    const std::string_view mantissa = digits.substr(0, exponent_at);
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    const std::size_t first = std::min(mantissa.find_first_of("123456789"), mantissa.size());
    if (exponent_at + 1 < digits.size() && digits.size() - exponent_at > 12) return digits[exponent_at + 1] == '-';
    const long exponent =
        exponent_at < digits.size() ? std::strtol(std::string(digits.substr(exponent_at + 1)).c_str(), nullptr, 10) : 0;
    return static_cast<long>(point) - static_cast<long>(first) + exponent < 0;
  }

  std::string_view text_;
  std::string_view origin_;
  std::size_t at_ = 0;
};

}  // namespace

Json parse_json(std::string_view text, std::string_view origin) {
  return Parser(text, origin).parse_document();
}

}  // namespace cairn
