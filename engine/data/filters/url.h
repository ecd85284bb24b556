// url: drops documents by their address: lists of domains, hosts, whole addresses, words and parts of words (spec/data.md §2.11).
//
// In this order, with these rules: domain (registrable, by a public suffix list), host, url (exact), word, soft_words (two or
// more different ones), substring (in what is left of the address without all but letters and digits). Words are runs of ASCII
// letters and digits, in lower case.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/data/filters/filter.h"
#include "engine/data/public_suffix.h"

namespace cairn::data {

struct UrlLists {
  std::unordered_set<std::string> domains, hosts, urls, words, soft_words;
  std::vector<std::string> substrings;
};
// {"domains": [...], "hosts": [...], "urls": [...], "words": [...], "soft_words": [...], "substrings": [...]}, each at will.
UrlLists read_url_lists(const std::filesystem::path& file);

// Finds the first of many strings of letters and digits in one pass (Aho and Corasick 1975).
class SubstringFinder {
 public:
  explicit SubstringFinder(const std::vector<std::string>& strings);  // lower case; other characters are left out
  // The string that ends first in `text` (lower-case letters and digits); nullptr when none does.
  const std::string* find_in(std::string_view text) const;

 private:
  struct Node {
    std::array<std::int32_t, 36> next{};
    std::int32_t found = -1;  // index of a string that ends here
  };
  std::vector<Node> nodes_;
  std::vector<std::string> strings_;
};

class UrlFilter : public Filter {
 public:
  UrlFilter(UrlLists lists, PublicSuffixList suffixes, int soft_limit = 2);
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;
  Judgement judge_url(const std::string& url) const;

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config, const std::vector<std::filesystem::path>& files);

 private:
  UrlLists lists_;
  PublicSuffixList suffixes_;
  SubstringFinder substrings_;
  int soft_limit_;
};

}  // namespace cairn::data
