#include "engine/data/filters/pii_patterns.h"

#include <algorithm>

#include "engine/data/characters.h"
#include "engine/text/unicode.h"

namespace cairn::data::pii {

bool word_before(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  std::size_t start = at - 1;
  while (start > 0 && (text[start] & '\xc0') == '\x80') --start;
  if (text[start] == '_') return true;
  int length;
  return character_bits(text::decode_valid(text.data() + start, length)) & (kAlpha | kDecimal);
}

std::size_t separator_length(std::string_view text, std::size_t at) {
  const char c = at_or_nul(text, at);
  if (c == ' ' || c == '-') return 1;
  const std::string_view rest = text.substr(std::min(at, text.size()), 3);
  if (rest.starts_with("\xc2\xa0")) return 2;  // no-break space
  // Thin and narrow no-break spaces, hyphen, no-break hyphen, figure dash, en dash.
  for (const std::string_view wide :
       {"\xe2\x80\x89", "\xe2\x80\xaf", "\xe2\x80\x90", "\xe2\x80\x91", "\xe2\x80\x92", "\xe2\x80\x93"}) {
    if (rest == wide) return 3;
  }
  return 0;
}

bool inside_url(std::string_view text, std::size_t at) {
  constexpr std::size_t kLongest = 2048;
  std::size_t begin = at;
  while (begin > 0 && at - begin<kLongest&& static_cast<unsigned char>(text[begin - 1])> ' ') --begin;
  const std::string_view before = text.substr(begin, at - begin);
  return before.find("://") != std::string_view::npos || before.find("www.") != std::string_view::npos;
}

std::array<std::string_view, 3> words_before(std::string_view text, std::size_t at, std::array<char, 48>& buffer) {
  const auto letter = [](char c) { return is(c, kLowerBit | kUpperBit) || (c & '\x80'); };
  std::array<std::string_view, 3> words;
  std::size_t used = 0, found = 0, i = at;
  const std::size_t stop = at - std::min(at, buffer.size());
  while (found < words.size()) {
    while (i > stop && !letter(text[i - 1]) && !is_digit(text[i - 1]) &&
           !(text[i - 1] == '\n' && i > stop + 1 && text[i - 2] == '\n'))
      --i;
    if (i == stop || !letter(text[i - 1])) break;
    const std::size_t end = i;
    while (i > stop && letter(text[i - 1])) --i;
    const std::size_t begin = used;
    for (std::size_t k = i; k < end; ++k) buffer[used++] = is(text[k], kUpperBit) ? static_cast<char>(text[k] + 32) : text[k];
    words[found++] = std::string_view(buffer.data() + begin, used - begin);
  }
  return words;
}

std::size_t octet_length(std::string_view text, std::size_t at) {
  std::size_t length = 0;
  int value = 0;
  while (length < 4 && is_digit(at_or_nul(text, at + length))) value = value * 10 + (text[at + length++] - '0');
  return length >= 1 && length <= 3 && value <= 255 ? length : 0;
}

std::size_t dotted_quad_length(std::string_view text, std::size_t at) {
  std::size_t end = at;
  for (int i = 0; i < 4; ++i) {
    const std::size_t length = octet_length(text, end);
    if (length == 0 || (i < 3 && at_or_nul(text, end + length) != '.')) return 0;
    end += length + (i < 3);
  }
  return end - at;
}

namespace {

// [A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])? from `at`: its end, or `at` when there is none.
std::size_t label_end(std::string_view text, std::size_t at) {
  std::size_t end = at;
  for (std::size_t i = at; i < text.size() && (is_alnum(text[i]) || (text[i] == '-' && i > at)); ++i) {
    if (is_alnum(text[i])) end = i + 1;
  }
  return end;
}

// As many digits as make a number 0 to 255, tried as Apertus' pattern does: three, then two, then one.
std::size_t greedy_octet_length(std::string_view text, std::size_t at) {
  const char a = at_or_nul(text, at), b = at_or_nul(text, at + 1), c = at_or_nul(text, at + 2);
  if (!is_digit(a)) return 0;
  if (!is_digit(b)) return 1;
  if (!is_digit(c)) return 2;
  return (a - '0') * 100 + (b - '0') * 10 + (c - '0') <= 255 ? 3 : 2;
}

// Three octets with dots, then as much of a last one as fits.
std::size_t greedy_quad_length(std::string_view text, std::size_t at) {
  std::size_t end = at;
  for (int i = 0; i < 3; ++i) {
    const std::size_t length = octet_length(text, end);
    if (length == 0 || at_or_nul(text, end + length) != '.') return 0;
    end += length + 1;
  }
  const std::size_t length = greedy_octet_length(text, end);
  return length == 0 ? 0 : end + length - at;
}

std::size_t domain_end(std::string_view text, std::size_t at) {
  if (at_or_nul(text, at) == '[') {
    const std::size_t quad = dotted_quad_length(text, at + 1);
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
  // A match has a dot between two digits, at most three bytes behind its beginning: dots are rare, and found fast.
  for (std::size_t dot = text.find('.', from); dot != std::string_view::npos; dot = text.find('.', dot + 1)) {
    if (dot == from || !is_digit(text[dot - 1]) || !is_digit(at_or_nul(text, dot + 1))) continue;
    for (std::size_t at = std::max(from, dot < 3 ? 0 : dot - 3); at < dot; ++at) {
      if (!is_digit(text[at])) continue;
      if (const std::size_t length = greedy_quad_length(text, at)) return {at, at + length};
    }
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

}  // namespace cairn::data::pii
