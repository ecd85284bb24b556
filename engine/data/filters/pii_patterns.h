// The shapes of personal identifiers, as scanners without back-tracking (linear in the text).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cairn::data::pii {

struct Match {
  std::size_t begin = 0, end = 0;  // end 0: none
};

// ---- Apertus' patterns (spec/data.md §1.3): first match at or after `from`

// Atoms of letters, digits and !#$%&'*+/=?^_`{|}~- joined by dots, beginning at a word boundary; '@'; a domain of at least two
// labels or an address in brackets.
Match find_email(std::string_view text, std::size_t from);
// Four numbers 0 to 255 joined by dots, whatever stands around them.
Match find_ipv4_anywhere(std::string_view text, std::size_t from);
// Whether such a match is an address that datatrove counts as public: the whole IANA says so, as Python's ipaddress reads it, for
// which numbers with leading zeros are no address.
bool is_global_ipv4(std::string_view quad);
// Two capitals, two digits, four groups of a space and four digits, a space, one or two capitals or digits.
Match find_iban_grouped(std::string_view text, std::size_t from);

// ---- Cairn's: what stands alone

// First e-mail address at or after `from`: letters (ASCII and Latin), digits and ._%+-' before the '@', 64 bytes at most,
// beginning with a letter, digit or '_'; a domain whose last label may be a top-level domain (two letters or more, "xn--...", and
// no ending of files such as "png"), or an address in brackets. Letters of other scripts are a boundary, not a part.
Match find_lone_email(std::string_view text, std::size_t from);

// The following give the length in bytes of what begins at text[at], or 0. They look at what stands before and behind.

// An IPv4 or IPv6 address. IPv4: no leading zeros; not part of a longer row of numbers; not a version, section or file name by
// what stands before or behind; four numbers below 10 only with a port, a prefix length or "://". `public_only` leaves private,
// loopback, link-local, documentation and other special addresses.
std::size_t lone_ip_length(std::string_view text, std::size_t at, bool public_only);

// An IBAN (ISO 13616), compact or in groups by single blanks, no-break spaces or hyphens, all in capitals or all small: a country
// of the registry, its structure, and the check digits right.
std::size_t iban_length(std::string_view text, std::size_t at);

// A payment card's number of 13 to 19 digits: an issuer's range and length, or behind a word such as "card" any of 12 to 19
// digits that begins with 2 to 6; Luhn's check digit; and no grouping or one in use (4-4-4-4, 4-6-5, 4-6-4) with one separator.
std::size_t card_length(std::string_view text, std::size_t at);

// A telephone number: "+" or "00" and a country's code with as many digits as it has; North America's (212) 555-0123 or
// 212-555-0123; the ways of writing in France (01 23 45 67 89), Switzerland (044 668 18 00) and with an area code in
// parentheses ((030) 123 45 67); any plausible number behind a word such as "Tel." or "phone". With its extension.
std::size_t phone_length(std::string_view text, std::size_t at);

// ---- shared by the scanners

constexpr std::uint8_t kDigitBit = 1, kLowerBit = 2, kUpperBit = 4, kAtomBit = 8, kHexBit = 16;
inline constexpr std::array<std::uint8_t, 256> kClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (int c = '0'; c <= '9'; ++c) classes[c] |= kDigitBit | kAtomBit | kHexBit;
  for (int c = 'a'; c <= 'z'; ++c) classes[c] |= kLowerBit | kAtomBit;
  for (int c = 'A'; c <= 'Z'; ++c) classes[c] |= kUpperBit | kAtomBit;
  for (int c = 'a'; c <= 'f'; ++c) classes[c] |= kHexBit, classes[c - 32] |= kHexBit;
  for (const unsigned char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '/', '=', '?', '^', '_', '`', '{', '|', '}', '~', '-'})
    classes[c] |= kAtomBit;
  return classes;
}();
inline bool is(char c, int bits) {
  return kClasses[static_cast<unsigned char>(c)] & bits;
}
inline bool is_digit(char c) {
  return is(c, kDigitBit);
}
inline bool is_alnum(char c) {
  return is(c, kDigitBit | kLowerBit | kUpperBit);
}
inline char at_or_nul(std::string_view text, std::size_t at) {
  return at < text.size() ? text[at] : '\0';
}
// Whether the character that ends before text[at] is a letter, digit or underscore of any script (Python's \w).
bool word_before(std::string_view text, std::size_t at);
// Of a number 0 to 255 of one to three digits that ends where the digits do; of four of them joined by dots.
std::size_t octet_length(std::string_view text, std::size_t at);
std::size_t dotted_quad_length(std::string_view text, std::size_t at);
// Bytes of the separator of groups of digits that stands at text[at]: a blank, '-', a no-break space or a hyphen of another
// kind; 0 for none.
std::size_t separator_length(std::string_view text, std::size_t at);
// Whether text[at] is inside an address of the web: "://" or "www." stands before it in the same word.
bool inside_url(std::string_view text, std::size_t at);
// The last words before text[at], newest first, in lower case (ASCII), without what is between them; at most three, out of 48
// bytes, none beyond a digit or an empty line. Words are runs of ASCII letters and of bytes that are not ASCII.
std::array<std::string_view, 3> words_before(std::string_view text, std::size_t at, std::array<char, 48>& buffer);

}  // namespace cairn::data::pii
