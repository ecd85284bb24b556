// The Public Suffix List (publicsuffix.org): which part of a host name is a registrable domain.
//
// The list is data that the user brings; nothing of it is built in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/schema.h"
#include "engine/steps/external.h"

namespace cairn::data {

// A host as it is compared: lower case, without port, user and final dot, other letters than ASCII in punycode (UTS 46). Of a URL
// its host; of anything without "://" itself. Empty when there is none.
std::string canonical_host(std::string_view url_or_host);

class PublicSuffixList {
 public:
  // `text`: public_suffix_list.dat. Error when it holds no rule. `private_domains`: also those of companies, such as github.io.
  explicit PublicSuffixList(std::string_view text, bool private_domains = true);

  // "a.b.example.co.uk" -> "example.co.uk". `host` as canonical_host() makes it. An IP address is its own; empty for a public
  // suffix.
  std::string registrable(std::string_view host) const;
  std::size_t size() const { return rules_.size(); }

 private:
  std::unordered_map<std::string, std::uint8_t> rules_;
};

// The site of an address: its registrable domain where a list is given, else its host; `elsewhere` for what is no address on the
// web.
std::string site_of(std::string_view url, std::string_view elsewhere, const PublicSuffixList* suffixes);

// The list that a step's config names in "suffixes", if it does: its input "suffixes".
std::vector<steps::External> suffix_file(const Config& config);

}  // namespace cairn::data
