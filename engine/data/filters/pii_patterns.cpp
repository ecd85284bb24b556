#include "engine/data/filters/pii_patterns.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "engine/data/characters.h"
#include "engine/data/filters/pii.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace pii {

namespace {

constexpr std::uint8_t kDigitBit = 1, kLowerBit = 2, kUpperBit = 4, kAtomBit = 8, kHexBit = 16;
constexpr std::array<std::uint8_t, 256> kClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (int c = '0'; c <= '9'; ++c) classes[c] |= kDigitBit | kAtomBit | kHexBit;
  for (int c = 'a'; c <= 'z'; ++c) classes[c] |= kLowerBit | kAtomBit;
  for (int c = 'A'; c <= 'Z'; ++c) classes[c] |= kUpperBit | kAtomBit;
  for (int c = 'a'; c <= 'f'; ++c) classes[c] |= kHexBit, classes[c - 32] |= kHexBit;
  for (const unsigned char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '/', '=', '?', '^', '_', '`', '{', '|', '}', '~', '-'})
    classes[c] |= kAtomBit;
  return classes;
}();
bool is(char c, int bits) {
  return kClasses[static_cast<unsigned char>(c)] & bits;
}
bool is_digit(char c) {
  return is(c, kDigitBit);
}
bool is_alnum(char c) {
  return is(c, kDigitBit | kLowerBit | kUpperBit);
}
char at_or_nul(std::string_view text, std::size_t at) {
  return at < text.size() ? text[at] : '\0';
}

// Whether the character that ends before text[at] is a letter, digit or underscore of any script (Python's \w).
bool word_before(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  std::size_t start = at - 1;
  while (start > 0 && (text[start] & '\xc0') == '\x80') --start;
  if (text[start] == '_') return true;
  int length;
  return character_bits(text::decode_valid(text.data() + start, length)) & (kAlpha | kDecimal);
}

// [A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])? from `at`: its end, or `at` when there is none.
std::size_t label_end(std::string_view text, std::size_t at) {
  std::size_t end = at;
  for (std::size_t i = at; i < text.size() && (is_alnum(text[i]) || (text[i] == '-' && i > at)); ++i) {
    if (is_alnum(text[i])) end = i + 1;
  }
  return end;
}

// A number 0 to 255 of one to three digits that ends where the digits do; 0 when it is none.
std::size_t octet_length(std::string_view text, std::size_t at) {
  std::size_t length = 0;
  int value = 0;
  while (length < 4 && is_digit(at_or_nul(text, at + length))) value = value * 10 + (text[at + length++] - '0');
  return length >= 1 && length <= 3 && value <= 255 ? length : 0;
}

// As many digits as make a number 0 to 255, tried as Apertus' pattern does: three, then two, then one.
std::size_t greedy_octet_length(std::string_view text, std::size_t at) {
  const char a = at_or_nul(text, at), b = at_or_nul(text, at + 1), c = at_or_nul(text, at + 2);
  if (!is_digit(a)) return 0;
  if (!is_digit(b)) return 1;
  if (!is_digit(c)) return 2;
  return (a - '0') * 100 + (b - '0') * 10 + (c - '0') <= 255 ? 3 : 2;
}

// Three octets with dots, then a last one by `last`; 0 when there is none.
template <typename Last>
std::size_t dotted_quad_length(std::string_view text, std::size_t at, Last&& last) {
  std::size_t end = at;
  for (int i = 0; i < 3; ++i) {
    const std::size_t length = octet_length(text, end);
    if (length == 0 || at_or_nul(text, end + length) != '.') return 0;
    end += length + 1;
  }
  const std::size_t length = last(text, end);
  return length == 0 ? 0 : end + length - at;
}

std::size_t domain_end(std::string_view text, std::size_t at) {
  if (at_or_nul(text, at) == '[') {
    const std::size_t quad = dotted_quad_length(text, at + 1, octet_length);
    return quad > 0 && at_or_nul(text, at + 1 + quad) == ']' ? at + quad + 2 : 0;
  }
  std::size_t end = label_end(text, at);
  if (end == at) return 0;
  bool dotted = false;
  while (at_or_nul(text, end) == '.') {
    const std::size_t next = label_end(text, end + 1);
    if (next == end + 1) break;
    end = next;
    dotted = true;
  }
  return dotted ? end : 0;
}

bool is_public(std::uint32_t ip) {
  const auto in = [ip](std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d, int bits) {
    return ((ip ^ (a << 24 | b << 16 | c << 8 | d)) >> (32 - bits)) == 0;
  };
  return !(in(0, 0, 0, 0, 8) || in(10, 0, 0, 0, 8) || in(100, 64, 0, 0, 10) || in(127, 0, 0, 0, 8) || in(169, 254, 0, 0, 16) ||
           in(172, 16, 0, 0, 12) || in(192, 0, 0, 0, 24) || in(192, 0, 2, 0, 24) || in(192, 168, 0, 0, 16) ||
           in(198, 18, 0, 0, 15) || in(198, 51, 100, 0, 24) || in(203, 0, 113, 0, 24) || in(224, 0, 0, 0, 3));
}

std::size_t lone_ipv4_length(std::string_view text, std::size_t at, bool public_only) {
  const std::size_t length = dotted_quad_length(text, at, octet_length);
  if (length == 0) return 0;
  const char after = at_or_nul(text, at + length);
  if (is_alnum(after) || after == '_' || (after == '.' && is_digit(at_or_nul(text, at + length + 1)))) return 0;
  if (public_only) {
    std::uint32_t ip = 0, octet = 0;
    for (const char c : text.substr(at, length)) {
      if (c == '.') {
        ip = ip << 8 | octet;
        octet = 0;
      } else {
        octet = octet * 10 + static_cast<std::uint32_t>(c - '0');
      }
    }
    if (!is_public(ip << 8 | octet)) return 0;
  }
  return length;
}

// RFC 4291 §2.2: eight groups of hexadecimal digits, or fewer around one "::", the last two perhaps as a dotted quad.
std::size_t lone_ipv6_length(std::string_view text, std::size_t at, bool public_only) {
  std::size_t end = at;
  int groups = 0;
  bool gap = false, digit = false;
  if (at_or_nul(text, end) == ':') {
    if (at_or_nul(text, end + 1) != ':') return 0;
    gap = true;
    end += 2;
  }
  while (groups < 8) {
    if (groups > 0 || gap) {
      if (const std::size_t quad = dotted_quad_length(text, end, octet_length); quad > 0 && groups <= 6) {
        groups += 2;
        end += quad;
        digit = true;
        break;
      }
    }
    std::size_t length = 0;
    while (length < 5 && is(at_or_nul(text, end + length), kHexBit)) digit |= is_digit(text[end + length++]);
    if (length == 0) break;
    if (length > 4) return 0;
    ++groups;
    end += length;
    if (at_or_nul(text, end) != ':') break;
    if (at_or_nul(text, end + 1) == ':') {
      if (gap) return 0;
      gap = true;
      end += 2;
    } else if (groups < 8 && is(at_or_nul(text, end + 1), kHexBit)) {
      ++end;
    } else {
      break;
    }
  }
  if (gap ? groups > 7 || groups < 2 : groups != 8) return 0;
  // Names joined by "::" can be all hexadecimal letters ("Feed::Add"); addresses have a digit somewhere.
  if (!digit) return 0;
  const char after = at_or_nul(text, end);
  if (is_alnum(after) || after == '_' || (after == ':' && is_alnum(at_or_nul(text, end + 1)))) return 0;
  if (public_only && at_or_nul(text, at) != '2' && at_or_nul(text, at) != '3') return 0;  // 2000::/3 is all that is global
  return end - at;
}

}  // namespace

Match find_email(std::string_view text, std::size_t from) {
  for (std::size_t at = text.find('@', from); at != std::string_view::npos; at = text.find('@', at + 1)) {
    const std::size_t end = domain_end(text, at + 1);
    if (end == 0) continue;
    // Atoms joined by single dots, back from the '@'.
    std::size_t begin = at;
    while (begin > from && (is(text[begin - 1], kAtomBit) || (text[begin - 1] == '.' && begin < at && text[begin] != '.')))
      --begin;
    while (begin < at && text[begin] == '.') ++begin;
    for (; begin < at; ++begin) {
      const bool word = is_alnum(text[begin]) || text[begin] == '_';
      if (text[begin] != '.' && word != word_before(text, begin)) break;
    }
    if (begin < at) return {begin, end};
  }
  return {};
}

Match find_ipv4_anywhere(std::string_view text, std::size_t from) {
  for (std::size_t at = from; at < text.size(); ++at) {
    if (!is_digit(text[at])) continue;
    if (const std::size_t length = dotted_quad_length(text, at, greedy_octet_length)) return {at, at + length};
  }
  return {};
}

Match find_iban_grouped(std::string_view text, std::size_t from) {
  constexpr std::string_view kShape = "AAdd dddd dddd dddd dddd X";  // then one more X if there is
  for (std::size_t at = from; at + kShape.size() <= text.size(); ++at) {
    std::size_t i = 0;
    for (; i < kShape.size(); ++i) {
      const char c = text[at + i];
      const bool fits = kShape[i] == 'A'   ? is(c, kUpperBit)
                        : kShape[i] == 'd' ? is_digit(c)
                        : kShape[i] == 'X' ? is(c, kUpperBit | kDigitBit)
                                           : c == ' ';
      if (!fits) break;
    }
    if (i < kShape.size()) continue;
    const std::size_t end = at + kShape.size();
    return {at, end + is(at_or_nul(text, end), kUpperBit | kDigitBit)};
  }
  return {};
}

std::size_t lone_ip_length(std::string_view text, std::size_t at, bool public_only) {
  const char c = text[at];
  if (!is(c, kHexBit) && c != ':') return 0;
  if (at > 0) {
    const char before = text[at - 1];
    if (is_alnum(before) || before == '_' || before == ':' || (before == '.' && (at < 2 || is_alnum(text[at - 2])))) return 0;
    if ((before & '\x80') && word_before(text, at)) return 0;
  }
  if (is_digit(c)) {
    if (const std::size_t length = lone_ipv4_length(text, at, public_only)) return length;
  }
  // A colon must follow within four hexadecimal digits.
  std::size_t colon = at;
  while (colon < at + 5 && is(at_or_nul(text, colon), kHexBit)) ++colon;
  return at_or_nul(text, colon) == ':' ? lone_ipv6_length(text, at, public_only) : 0;
}

}  // namespace pii

namespace {

// ISO 13616 registry: country and total length.
struct IbanCountry {
  char code[3];
  int length;
};
constexpr IbanCountry kCountries[] = {
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22}, {"BH", 22}, {"BI", 27},
    {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28},
    {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23},
    {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27},
    {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21}, {"LY", 25},
    {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18},
    {"NO", 15}, {"OM", 23}, {"PK", 24}, {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33},
    {"SA", 24}, {"SC", 31}, {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25}, {"SV", 28},
    {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}, {"YE", 30}};

bool is_capital(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_number(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

std::size_t iban_length(std::string_view text, std::size_t at) {
  if (at + 15 > text.size() || !is_capital(text[at]) || !is_capital(text[at + 1]) || !is_number(text[at + 2]) ||
      !is_number(text[at + 3]))
    return 0;
  if (at > 0 && (is_capital(text[at - 1]) || is_number(text[at - 1]) || (text[at - 1] >= 'a' && text[at - 1] <= 'z') ||
                 text[at - 1] == '_'))
    return 0;
  const auto country = std::find_if(std::begin(kCountries), std::end(kCountries),
                                    [&](const IbanCountry& c) { return text.substr(at, 2) == std::string_view(c.code, 2); });
  if (country == std::end(kCountries)) return 0;
  std::array<char, 34> digits{};
  int count = 0;
  std::size_t end = at;
  while (count < country->length && end < text.size()) {
    const char c = text[end];
    if (is_capital(c) || is_number(c))
      digits[static_cast<std::size_t>(count++)] = c;
    else if (c != ' ' || text[end - 1] == ' ')
      return 0;
    ++end;
  }
  if (count < country->length) return 0;
  if (end < text.size() && (is_capital(text[end]) || is_number(text[end]) || (text[end] >= 'a' && text[end] <= 'z'))) return 0;
  int remainder = 0;  // ISO 7064: country and check digits last, letters as 10 to 35, modulo 97
  for (int i = 0; i < count; ++i) {
    const char c = digits[static_cast<std::size_t>((i + 4) % count)];
    remainder = is_number(c) ? (remainder * 10 + (c - '0')) % 97 : (remainder * 100 + (c - 'A' + 10)) % 97;
  }
  return remainder == 1 ? end - at : 0;
}

}  // namespace cairn::data
