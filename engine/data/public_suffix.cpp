#include "engine/data/public_suffix.h"

#include <unicode/uidna.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "engine/data/characters.h"

namespace cairn::data {

namespace {

constexpr std::uint8_t kSuffix = 1, kAnyBelow = 2, kException = 4;

std::string to_punycode(std::string_view host) {
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UIDNA, void (*)(UIDNA*)> idna(uidna_openUTS46(UIDNA_DEFAULT, &status), uidna_close);
  if (U_FAILURE(status)) return std::string(host);
  UIDNAInfo info = UIDNA_INFO_INITIALIZER;
  char out[1024];
  const std::int32_t size =
      uidna_nameToASCII_UTF8(idna.get(), host.data(), static_cast<std::int32_t>(std::min<std::size_t>(host.size(), 512)), out,
                             sizeof out, &info, &status);
  return U_FAILURE(status) || size > static_cast<std::int32_t>(sizeof out) ? std::string(host)
                                                                           : std::string(out, static_cast<std::size_t>(size));
}

bool is_address(std::string_view host) {
  return host.find(':') != std::string_view::npos || host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

std::string canonical_host(std::string_view text) {
  if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) text.remove_prefix(scheme + 3);
  text = text.substr(0, text.find_first_of("/?#"));
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
  if (text.starts_with('[')) {
    text = text.substr(1, text.find(']') - 1);
  } else if (const std::size_t port = text.rfind(':'); port != std::string_view::npos) {
    text = text.substr(0, port);
  }
  while (text.ends_with('.')) text.remove_suffix(1);
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  return ascii ? lower_case_ascii(text) : to_punycode(text);
}

PublicSuffixList::PublicSuffixList(std::string_view text, bool private_domains) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!private_domains && line.find("===BEGIN PRIVATE DOMAINS===") != std::string_view::npos) break;
    std::string_view rule = line.substr(0, line.find_first_of(" \t\r"));
    if (rule.empty() || rule.starts_with("//")) continue;
    std::uint8_t kind = kSuffix;
    if (rule.starts_with('!')) {
      kind = kException;
      rule.remove_prefix(1);
    } else if (rule.starts_with("*.")) {
      kind = kAnyBelow;
      rule.remove_prefix(2);
    }
    rules_[canonical_host(rule)] |= kind;
  }
  if (rules_.empty()) fail("no rule in this public suffix list");
}

std::string PublicSuffixList::registrable(std::string_view host) const {
  if (host.empty() || is_address(host)) return std::string(host);
  std::size_t before = std::string_view::npos;  // where the label in front of `at` begins
  for (std::size_t at = 0;;) {
    const std::size_t dot = host.find('.', at);
    const auto rule = rules_.find(std::string(host.substr(at)));
    const std::uint8_t kinds = rule == rules_.end() ? 0 : rule->second;
    if (kinds & kException) return std::string(host.substr(at));
    bool suffix = kinds & kSuffix;
    if (!suffix && dot != std::string_view::npos) {
      const auto below = rules_.find(std::string(host.substr(dot + 1)));
      suffix = below != rules_.end() && (below->second & kAnyBelow);
    }
    if (suffix || dot == std::string_view::npos)  // the last label is one whatever it is
      return before == std::string_view::npos ? std::string() : std::string(host.substr(before));
    before = at;
    at = dot + 1;
  }
}

std::string site_of(std::string_view url, std::string_view elsewhere, const PublicSuffixList* suffixes) {
  if (url.find("://") == std::string_view::npos) return std::string(elsewhere);
  const std::string host = canonical_host(url);
  const std::string domain = suffixes != nullptr ? suffixes->registrable(host) : std::string();
  return domain.empty() ? host : domain;
}

std::vector<steps::External> suffix_file(const Config& config) {
  if (!config.has("suffixes")) return {};
  return {{"suffixes", config.string("suffixes"), {}}};
}

}  // namespace cairn::data
