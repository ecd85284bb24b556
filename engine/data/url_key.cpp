#include "engine/data/url_key.h"

#include <vector>

namespace cairn::data {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_unreserved(char c) {
  return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
int hex(char c) {
  if (is_digit(c)) return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// Length of the scheme before "://", or 0.
std::size_t scheme_length(std::string_view url) {
  std::size_t at = 0;
  while (at < url.size() &&
         (is_letter(url[at]) || (at > 0 && (is_digit(url[at]) || url[at] == '+' || url[at] == '-' || url[at] == '.'))))
    ++at;
  return url.substr(at).starts_with("://") ? at : 0;
}

std::string normal_escapes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t lone = std::string::npos;  // where a '%' was put that begins no escape: none may come about behind it
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      const char c = static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      if (is_unreserved(c) && (lone == std::string::npos || out.size() - lone > 2)) {
        out += c;
      } else {
        constexpr std::string_view kDigits = "0123456789ABCDEF";
        out += '%';
        out += kDigits[static_cast<std::size_t>(hex(text[i + 1]))];
        out += kDigits[static_cast<std::size_t>(hex(text[i + 2]))];
      }
      i += 2;
    } else {
      if (text[i] == '%') lone = out.size();
      out += text[i];
    }
  }
  return out;
}

// RFC 3986 §5.2.4, on a path that begins with '/'.
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> segments;
  bool folder = false;  // the last segment names a folder
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    folder = segment == "." || segment == "..";
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (segment != ".") {
      segments.push_back(segment);
    }
    at = end + 1;
  }
  std::string out;
  for (const std::string_view segment : segments) (out += '/') += segment;
  if (folder || out.empty()) out += '/';
  return out;
}

}  // namespace

std::string normal_url(std::string_view url) {
  const std::size_t scheme_end = scheme_length(url);
  if (scheme_end == 0) return std::string(url);
  std::string out;
  for (const char c : url.substr(0, scheme_end)) out += lower(c);
  const std::string scheme = out;
  out += "://";
  url = url.substr(scheme_end + 3);
  url = url.substr(0, url.find('#'));
  const std::string_view authority = url.substr(0, url.find_first_of("/?"));
  url = url.substr(authority.size());

  const std::size_t at_sign = authority.rfind('@');
  std::size_t host = 0;
  if (at_sign != std::string_view::npos) {
    host = at_sign + 1;
    out += authority.substr(0, host);
  }
  std::string_view name = authority.substr(host), port;
  const std::size_t colon = name.rfind(':');
  // A host with more colons is an address in brackets, or no host at all.
  const bool one_port =
      colon != std::string_view::npos && (name.find(':') == colon || (name[0] == '[' && name.find(']') == colon - 1));
  if (one_port && name.find_first_not_of("0123456789", colon + 1) == std::string_view::npos) {
    port = name.substr(colon + 1);
    name = name.substr(0, colon);
  }
  for (const char c : normal_escapes(name)) out += lower(c);
  if (!port.empty() &&
      !((scheme == "http" && port == "80") || (scheme == "https" && port == "443") || (scheme == "ftp" && port == "21")))
    (out += ':') += port;

  const std::string_view path = url.substr(0, url.find('?'));
  out += path.empty() ? "/" : without_dots(normal_escapes(path));
  out += normal_escapes(url.substr(path.size()));
  return out;
}

}  // namespace cairn::data
