// IBANs by the registry of ISO 13616 (release 101).
#include <algorithm>
#include <array>

#include "engine/data/filters/pii_patterns.h"

namespace cairn::data::pii {

namespace {

// What follows country and check digits: so many digits (n), capitals (a), digits or capitals (c).
struct IbanCountry {
  char code[3];
  char structure[16];
};
constexpr IbanCountry kCountries[] = {
    {"AD", "8n12c"},   {"AE", "19n"},    {"AL", "8n16c"},    {"AT", "16n"},      {"AZ", "4a20c"},    {"BA", "16n"},
    {"BE", "12n"},     {"BG", "4a6n8c"}, {"BH", "4a14c"},    {"BI", "23n"},      {"BR", "23n1a1c"},  {"BY", "4c4n16c"},
    {"CH", "5n12c"},   {"CR", "18n"},    {"CY", "8n16c"},    {"CZ", "20n"},      {"DE", "18n"},      {"DJ", "23n"},
    {"DK", "14n"},     {"DO", "4c20n"},  {"EE", "16n"},      {"EG", "25n"},      {"ES", "20n"},      {"FI", "14n"},
    {"FK", "2a12n"},   {"FO", "14n"},    {"FR", "10n11c2n"}, {"GB", "4a14n"},    {"GE", "2a16n"},    {"GI", "4a15c"},
    {"GL", "14n"},     {"GR", "7n16c"},  {"GT", "24c"},      {"HN", "4a20n"},    {"HR", "17n"},      {"HU", "24n"},
    {"IE", "4a14n"},   {"IL", "19n"},    {"IQ", "4a15n"},    {"IS", "22n"},      {"IT", "1a10n12c"}, {"JO", "4a4n18c"},
    {"KW", "4a22c"},   {"KZ", "3n13c"},  {"LB", "4n20c"},    {"LC", "4a24c"},    {"LI", "5n12c"},    {"LT", "16n"},
    {"LU", "3n13c"},   {"LV", "4a13c"},  {"LY", "21n"},      {"MC", "10n11c2n"}, {"MD", "20c"},      {"ME", "18n"},
    {"MK", "3n10c2n"}, {"MN", "16n"},    {"MR", "23n"},      {"MT", "4a5n18c"},  {"MU", "4a19n3a"},  {"NI", "4a20n"},
    {"NL", "4a10n"},   {"NO", "11n"},    {"OM", "3n16c"},    {"PK", "4a16c"},    {"PL", "24n"},      {"PS", "4a21c"},
    {"PT", "21n"},     {"QA", "4a21c"},  {"RO", "4a16c"},    {"RS", "18n"},      {"RU", "14n15c"},   {"SA", "2n18c"},
    {"SC", "4a20n3a"}, {"SD", "14n"},    {"SE", "20n"},      {"SI", "15n"},      {"SK", "20n"},      {"SM", "1a10n12c"},
    {"SO", "19n"},     {"ST", "21n"},    {"SV", "4a20n"},    {"TL", "19n"},      {"TN", "20n"},      {"TR", "6n16c"},
    {"UA", "6n19c"},   {"VA", "18n"},    {"VG", "4a16n"},    {"XK", "16n"},      {"YE", "4a4n18c"}};

constexpr int kLongest = 34;

char capital(char c) {
  return is(c, kLowerBit) ? static_cast<char>(c - 32) : c;
}

// Whether the characters behind the check digits are as the country has them; `count`: how many they must be.
bool fits(std::string_view structure, const std::array<char, kLongest>& characters, int count) {
  int at = 4;
  for (std::size_t i = 0; i < structure.size(); ++i) {
    int length = 0;
    while (is_digit(structure[i])) length = length * 10 + (structure[i++] - '0');
    const int kind = structure[i] == 'n' ? kDigitBit : structure[i] == 'a' ? kUpperBit : kDigitBit | kUpperBit;
    for (; length > 0 && at < count; --length, ++at) {
      if (!is(characters[static_cast<std::size_t>(at)], kind)) return false;
    }
    if (length > 0) return false;
  }
  return at == count;
}

int length_of(std::string_view structure) {
  int all = 4, length = 0;
  for (const char c : structure) {
    if (is_digit(c)) {
      length = length * 10 + (c - '0');
    } else {
      all += length;
      length = 0;
    }
  }
  return all;
}

}  // namespace

std::size_t iban_length(std::string_view text, std::size_t at) {
  const auto letter = [](char c) { return is(c, kUpperBit | kLowerBit); };
  if (at + 15 > text.size() || !letter(text[at]) || !letter(text[at + 1]) || !is_digit(text[at + 2]) || !is_digit(text[at + 3]))
    return 0;
  if (at > 0 && (is_alnum(text[at - 1]) || text[at - 1] == '_')) return 0;
  const int letters = is(text[at], kUpperBit) ? kUpperBit : kLowerBit;  // all of it in one case
  if (!is(text[at + 1], letters)) return 0;
  const std::array<char, 2> code{capital(text[at]), capital(text[at + 1])};
  const auto country = std::find_if(std::begin(kCountries), std::end(kCountries),
                                    [&](const IbanCountry& c) { return c.code[0] == code[0] && c.code[1] == code[1]; });
  if (country == std::end(kCountries)) return 0;
  const int length = length_of(country->structure);
  std::array<char, kLongest> characters{};
  int count = 0;
  std::size_t end = at;
  for (std::size_t i = at; count < length && i < text.size();) {
    if (is(text[i], letters | kDigitBit)) {
      characters[static_cast<std::size_t>(count++)] = capital(text[i]);
      end = ++i;
    } else if (const std::size_t separator = separator_length(text, i); separator > 0 && i == end && count >= 4) {
      i += separator;
    } else {
      return 0;
    }
  }
  if (count < length || is_alnum(at_or_nul(text, end)) || at_or_nul(text, end) == '_') return 0;
  if (!fits(country->structure, characters, length)) return 0;
  int remainder = 0;  // ISO 7064: country and check digits last, letters as 10 to 35, modulo 97
  for (int i = 0; i < count; ++i) {
    const char c = characters[static_cast<std::size_t>((i + 4) % count)];
    remainder = is_digit(c) ? (remainder * 10 + (c - '0')) % 97 : (remainder * 100 + (c - 'A' + 10)) % 97;
  }
  return remainder == 1 ? end - at : 0;
}

}  // namespace cairn::data::pii
