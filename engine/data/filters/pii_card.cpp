// Payment cards' numbers (ISO/IEC 7812).
#include <algorithm>
#include <array>

#include "engine/data/filters/pii_patterns.h"

namespace cairn::data::pii {

namespace {

// Issuers' ranges as they publish them: first digits from `low` to `high`, lengths from `least` to `most`.
struct Issuer {
  int low, high, digits, least, most;
};
constexpr Issuer kIssuers[] = {
    {4, 4, 1, 13, 19},        // Visa: 13, 16, 19
    {51, 55, 2, 16, 16},      // Mastercard
    {2221, 2720, 4, 16, 16},  // Mastercard
    {34, 34, 2, 15, 15},      // American Express
    {37, 37, 2, 15, 15},      // American Express
    {6011, 6011, 4, 16, 19},  // Discover
    {644, 649, 3, 16, 19},    // Discover
    {65, 65, 2, 16, 19},      // Discover
    {62, 62, 2, 16, 19},      // UnionPay
    {300, 305, 3, 14, 19},    // Diners Club
    {3095, 3095, 4, 14, 19},  // Diners Club
    {36, 36, 2, 14, 19},      // Diners Club
    {38, 39, 2, 14, 19},      // Diners Club
    {3528, 3589, 4, 16, 19},  // JCB
    {2131, 2131, 4, 15, 15},  // JCB, old
    {1800, 1800, 4, 15, 15},  // JCB, old
    {2200, 2204, 4, 16, 19},  // Mir
    {5018, 5018, 4, 13, 19},  // Maestro
    {5020, 5020, 4, 13, 19},  // Maestro
    {5038, 5038, 4, 13, 19},  // Maestro
    {5893, 5893, 4, 13, 19},  // Maestro
    {6304, 6304, 4, 13, 19},  // Maestro
    {6759, 6759, 4, 13, 19},  // Maestro
    {6761, 6763, 4, 13, 19},  // Maestro
};

constexpr std::size_t kLongest = 19;

struct Number {
  std::array<char, kLongest> digits{};
  std::size_t count = 0;
  std::array<std::size_t, 5> groups{};
  std::size_t group_count = 0;
  std::size_t end = 0;
};

bool of_an_issuer(const Number& number) {
  for (const Issuer& issuer : kIssuers) {
    int first = 0;
    for (int i = 0; i < issuer.digits; ++i) first = first * 10 + (number.digits[static_cast<std::size_t>(i)] - '0');
    if (first < issuer.low || first > issuer.high) continue;
    const auto length = static_cast<int>(number.count);
    if (issuer.digits == 1) {
      if (length == 13 || length == 16 || length == 19) return true;
    } else if (length >= issuer.least && length <= issuer.most) {
      return true;
    }
  }
  return false;
}

// ISO/IEC 7812-1, annex B: every second digit from the right doubled, the sum of all digits a multiple of ten.
bool luhn(const Number& number) {
  int sum = 0;
  for (std::size_t i = 0; i < number.count; ++i) {
    int digit = number.digits[number.count - 1 - i] - '0';
    if (i % 2 == 1) digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
    sum += digit;
  }
  return sum % 10 == 0;
}

bool grouped_as_in_use(const Number& number) {
  const auto groups = [&](std::initializer_list<std::size_t> sizes) {
    return std::equal(sizes.begin(), sizes.end(), number.groups.begin(),
                      number.groups.begin() + static_cast<std::ptrdiff_t>(number.group_count));
  };
  return number.group_count == 1 || groups({4, 4, 4, 4}) || groups({4, 4, 4, 4, 3}) || groups({4, 6, 5}) || groups({4, 6, 4});
}

// Whether one of the three words before text[at] says that a card's number follows.
bool announced(std::string_view text, std::size_t at) {
  constexpr std::string_view kWords[] = {"card",    "cards",   "creditcard",   "cc",    "visa",        "mastercard",
                                         "amex",    "maestro", "carte",        "karte", "kreditkarte", "carta",
                                         "tarjeta", "kaart",   "kartennummer", "karta"};
  std::array<char, 48> buffer;
  const std::array<std::string_view, 3> words = words_before(text, at, buffer);
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return !word.empty() && std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
  });
}

bool three_more_digits(std::string_view text, std::size_t at) {
  for (std::size_t i = 0; i < 3; ++i) {
    if (!is_digit(at_or_nul(text, at + i))) return false;
  }
  return !is_alnum(at_or_nul(text, at + 3));
}

}  // namespace

std::size_t card_length(std::string_view text, std::size_t at) {
  if (!is_digit(text[at])) return 0;
  if (at > 0) {
    const char before = text[at - 1];
    if (word_before(text, at) || before == '/' || before == '=' || before == '#' || before == '.' || before == ',' ||
        before == '+')
      return 0;
    if (before == '-' && at > 1 && is_alnum(text[at - 2])) return 0;
  }
  Number number;
  std::size_t i = at;
  std::string_view separator;
  for (;;) {
    const std::size_t begin = i;
    while (is_digit(at_or_nul(text, i))) {
      if (number.count == kLongest) return 0;
      number.digits[number.count++] = text[i++];
    }
    if (i == begin || number.group_count == number.groups.size()) return 0;
    number.groups[number.group_count++] = i - begin;
    number.end = i;
    const std::size_t length = separator_length(text, i);
    if (length == 0 || i - begin > 6 || !is_digit(at_or_nul(text, i + length))) break;
    // A whole number, and then something else that begins with digits: a date of expiry.
    if (number.group_count > 1 && number.count >= 14 && grouped_as_in_use(number) && !three_more_digits(text, i + length)) break;
    if (number.group_count > 1 && text.substr(i, length) != separator) break;
    separator = text.substr(i, length);
    i += length;
  }
  if (number.count < 12 || !grouped_as_in_use(number)) return 0;
  const char after = at_or_nul(text, number.end), second = at_or_nul(text, number.end + 1);
  if (is_alnum(after) || after == '_' || ((after == '.' || after == ',' || after == '-') && is_digit(second))) return 0;
  if (!luhn(number)) return 0;
  if (!of_an_issuer(number) && !(number.digits[0] >= '2' && number.digits[0] <= '6' && announced(text, at))) return 0;
  if (inside_url(text, at)) return 0;
  return number.end - at;
}

}  // namespace cairn::data::pii
