// IPv4 and IPv6 addresses that stand alone.
#include <algorithm>
#include <string>

#include "engine/data/filters/pii_patterns.h"

namespace cairn::data::pii {

namespace {

// Whether anybody on the internet can have it: none of the IANA special-purpose blocks (RFC 6890), of multicast and reserved.
bool is_public(std::uint32_t ip) {
  const auto in = [ip](std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d, int bits) {
    return ((ip ^ (a << 24 | b << 16 | c << 8 | d)) >> (32 - bits)) == 0;
  };
  return !(in(0, 0, 0, 0, 8) || in(10, 0, 0, 0, 8) || in(100, 64, 0, 0, 10) || in(127, 0, 0, 0, 8) || in(169, 254, 0, 0, 16) ||
           in(172, 16, 0, 0, 12) || in(192, 0, 0, 0, 24) || in(192, 0, 2, 0, 24) || in(192, 168, 0, 0, 16) ||
           in(198, 18, 0, 0, 15) || in(198, 51, 100, 0, 24) || in(203, 0, 113, 0, 24) || in(224, 0, 0, 0, 3));
}

struct Quad {
  std::uint32_t ip = 0;
  std::uint32_t largest = 0;
  bool leading_zero = false;
};

Quad read_quad(std::string_view digits) {
  Quad quad;
  std::uint32_t octet = 0;
  std::size_t length = 0;
  for (std::size_t i = 0; i <= digits.size(); ++i) {
    if (i < digits.size() && digits[i] != '.') {
      quad.leading_zero |= length == 1 && octet == 0;
      octet = octet * 10 + static_cast<std::uint32_t>(digits[i] - '0');
      ++length;
      continue;
    }
    quad.ip = quad.ip << 8 | octet;
    quad.largest = std::max(quad.largest, octet);
    octet = 0;
    length = 0;
  }
  return quad;
}

// Words behind which a row of four numbers is none.
constexpr std::string_view kNumbered[] = {
    "v",       "ver",     "vers",    "version",   "versions",  "versione", "versi\xc3\xb3n", "versie",
    "release", "rel",     "build",   "update",    "patch",     "firmware", "driver",         "revision",
    "rev",     "section", "sec",     "sect",      "chapter",   "chap",     "clause",         "figure",
    "fig",     "table",   "article", "art",       "paragraph", "para",     "rule",           "oid",
    "kapitel", "punkt",   "ziffer",  "abschnitt", "annex",     "appendix", "\xc2\xa7",       "\xc2\xa7\xc2\xa7",
    "firefox", "chrome",  "safari",  "opera"};

std::size_t lone_ipv4_length(std::string_view text, std::size_t at, bool public_only) {
  const std::size_t length = dotted_quad_length(text, at);
  if (length == 0) return 0;
  const char after = at_or_nul(text, at + length), second = at_or_nul(text, at + length + 1);
  if (is_alnum(after) || after == '_' || after == '+' || after == '~') return 0;
  // A fifth number, or a name with a file's ending: 1.2.3.4.tar.gz.
  if (after == '.' && (is_digit(second) || is(second, kLowerBit))) return 0;
  // 1.2.3.4-5, 1.2.3.4-rc1; but not a range of addresses.
  if (after == '-' && is_alnum(second) && dotted_quad_length(text, at + length + 1) == 0) return 0;
  if (at >= 2 && text[at - 1] == '-' && is(text[at - 2], kLowerBit | kUpperBit)) return 0;  // libfoo-1.2.3.4
  // Mozilla/5.0.1.2; an address in a path stands behind another '/', or behind a digit or dot.
  if (at >= 2 && text[at - 1] == '/' && is(text[at - 2], kLowerBit | kUpperBit)) return 0;
  const Quad quad = read_quad(text.substr(at, length));
  if (quad.leading_zero) return 0;
  const bool technical = ((after == ':' || after == '/') && is_digit(second)) || (at >= 1 && text[at - 1] == '@') ||
                         (at >= 3 && text.substr(at - 3, 3) == "://");
  if (!technical) {
    if (quad.largest < 10) return 0;
    std::array<char, 48> buffer;
    const std::string_view word = words_before(text, at, buffer)[0];
    if (!word.empty() && std::find(std::begin(kNumbered), std::end(kNumbered), word) != std::end(kNumbered)) return 0;
  }
  return public_only && !is_public(quad.ip) ? 0 : length;
}

// RFC 4291 §2.2: eight groups of hexadecimal digits, or fewer around one "::", the last two perhaps as a dotted quad.
std::size_t lone_ipv6_length(std::string_view text, std::size_t at, bool public_only) {
  std::size_t end = at;
  int groups = 0;
  bool gap = false, digit = false;
  std::array<std::uint32_t, 2> first{};  // the first two groups
  if (at_or_nul(text, end) == ':') {
    if (at_or_nul(text, end + 1) != ':') return 0;
    gap = true;
    end += 2;
  }
  while (groups < 8) {
    if (groups > 0 || gap) {
      if (const std::size_t quad = dotted_quad_length(text, end); quad > 0 && groups <= 6) {
        groups += 2;
        end += quad;
        digit = true;
        break;
      }
    }
    std::size_t length = 0;
    std::uint32_t value = 0;
    while (length < 5 && is(at_or_nul(text, end + length), kHexBit)) {
      const char c = text[end + length++];
      digit |= is_digit(c);
      value = value << 4 | static_cast<std::uint32_t>(is_digit(c) ? c - '0' : (c & '\x0f') + 9);
    }
    if (length == 0) break;
    if (length > 4) return 0;
    if (groups < 2 && !gap) first[static_cast<std::size_t>(groups)] = value;
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
  // 2000::/3 is all that is global; 2001:db8::/32 is for documentation (RFC 3849).
  if (public_only && (text[at] == ':' || first[0] >> 13 != 1 || (first[0] == 0x2001 && first[1] == 0xdb8))) return 0;
  return end - at;
}

}  // namespace

bool is_global_ipv4(std::string_view digits) {
  const Quad quad = read_quad(digits);
  return !quad.leading_zero && (is_public(quad.ip) || (quad.ip >> 28) == 14);  // multicast is global
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

}  // namespace cairn::data::pii
