// The shapes of personal identifiers, as scanners without back-tracking (linear in the text).
#pragma once

#include <cstddef>
#include <string_view>

namespace cairn::data::pii {

struct Match {
  std::size_t begin = 0, end = 0;  // end 0: none
};

// First match at or after `from`. E-mail: atoms of letters, digits and !#$%&'*+/=?^_`{|}~- joined by dots, beginning at a word
// boundary;
// '@'; a domain of at least two labels or an address in brackets.
Match find_email(std::string_view text, std::size_t from);

// Apertus: four numbers 0 to 255 joined by dots, whatever stands around them.
Match find_ipv4_anywhere(std::string_view text, std::size_t from);
// Apertus: two capitals, two digits, four groups of a space and four digits, a space, one or two capitals or digits.
Match find_iban_grouped(std::string_view text, std::size_t from);

// Length of the IPv4 or IPv6 address that begins at text[at] and stands alone; 0 when there is none.
std::size_t lone_ip_length(std::string_view text, std::size_t at, bool public_only);

}  // namespace cairn::data::pii
