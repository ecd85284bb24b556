#include "engine/data/filters/url.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/data/characters.h"

namespace cairn::data {

namespace {

int symbol(char c) {
  if (c >= 'a' && c <= 'z') return c - 'a';
  return c >= '0' && c <= '9' ? c - '0' + 26 : -1;
}

std::string letters_and_digits(std::string_view text) {
  std::string out = lower_case_ascii(text);
  std::erase_if(out, [](char c) { return symbol(c) < 0; });
  return out;
}

}  // namespace

UrlLists read_url_lists(const std::filesystem::path& file) {
  const Json json = read_json(file);
  if (!json.is_object()) fail("{}: expected an object of lists", file.string());
  UrlLists lists;
  for (const auto& [name, values] : json.items()) {
    if (!values.is_array()) fail("{}: {}: expected a list", file.string(), name);
    for (const Json& value : values) {
      if (!value.is_string() || value.get<std::string>().empty())
        fail("{}: {}: expected strings that are not empty", file.string(), name);
      const auto text = value.get<std::string>();
      if (name == "domains")
        lists.domains.insert(canonical_host(text));
      else if (name == "hosts")
        lists.hosts.insert(canonical_host(text));
      else if (name == "urls")
        lists.urls.insert(text);
      else if (name == "words")
        lists.words.insert(lower_case_ascii(text));
      else if (name == "soft_words")
        lists.soft_words.insert(lower_case_ascii(text));
      else if (name == "substrings")
        lists.substrings.push_back(text);
      else
        fail("{}: unknown list '{}'; known: domains, hosts, urls, words, soft_words, substrings", file.string(), name);
    }
  }
  return lists;
}

SubstringFinder::SubstringFinder(const std::vector<std::string>& strings) : nodes_(1) {
  for (const std::string& given : strings) {
    const std::string text = letters_and_digits(given);
    if (text.empty()) continue;
    std::size_t at = 0;
    for (const char c : text) {
      std::int32_t& next = nodes_[at].next[static_cast<std::size_t>(symbol(c))];
      if (next == 0) {
        next = static_cast<std::int32_t>(nodes_.size());
        at = nodes_.size();
        nodes_.emplace_back();  // `next` is not used beyond here
      } else {
        at = static_cast<std::size_t>(next);
      }
    }
    if (nodes_[at].found < 0) nodes_[at].found = static_cast<std::int32_t>(strings_.size());
    strings_.push_back(text);
  }
  // Breadth first: where a letter has no child, the walk goes on from the longest suffix that is a beginning too.
  std::vector<std::size_t> order, fallback(nodes_.size(), 0);
  for (const std::int32_t child : nodes_[0].next) {
    if (child != 0) order.push_back(static_cast<std::size_t>(child));
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t at = order[i];
    if (nodes_[at].found < 0) nodes_[at].found = nodes_[fallback[at]].found;
    for (std::size_t s = 0; s < 36; ++s) {
      const std::int32_t child = nodes_[at].next[s], other = nodes_[fallback[at]].next[s];
      if (child == 0) {
        nodes_[at].next[s] = other;
      } else {
        fallback[static_cast<std::size_t>(child)] = static_cast<std::size_t>(other);
        order.push_back(static_cast<std::size_t>(child));
      }
    }
  }
}

const std::string* SubstringFinder::find_in(std::string_view text) const {
  std::size_t at = 0;
  for (const char c : text) {
    const int s = symbol(c);
    at = s < 0 ? 0 : static_cast<std::size_t>(nodes_[at].next[static_cast<std::size_t>(s)]);
    if (nodes_[at].found >= 0) return &strings_[static_cast<std::size_t>(nodes_[at].found)];
  }
  return nullptr;
}

UrlFilter::UrlFilter(UrlLists lists, PublicSuffixList suffixes, int soft_limit)
    : lists_(std::move(lists)), suffixes_(std::move(suffixes)), substrings_(lists_.substrings), soft_limit_(soft_limit) {}

Judgement UrlFilter::judge_url(const std::string& url) const {
  if (url.find("://") != std::string::npos) {
    const std::string host = canonical_host(url);
    const std::string domain = suffixes_.registrable(host);
    if (lists_.domains.contains(domain)) return drop("domain", fmt::format("the domain {} is on the list", domain));
    if (lists_.hosts.contains(host)) return drop("host", fmt::format("the host {} is on the list", host));
  }
  if (lists_.urls.contains(url)) return drop("url", "the address is on the list");
  const std::string lower = lower_case_ascii(url);
  std::set<std::string_view> soft;
  for (std::size_t at = 0; at < lower.size();) {
    std::size_t end = at;
    while (end < lower.size() && symbol(lower[end]) >= 0) ++end;
    if (end > at) {
      const std::string word = lower.substr(at, end - at);
      if (lists_.words.contains(word)) return drop("word", fmt::format("the address has the word '{}'", word));
      const auto found = lists_.soft_words.find(word);
      if (found != lists_.soft_words.end()) soft.insert(*found);
    }
    at = end + 1;
  }
  if (!soft.empty() && static_cast<int>(soft.size()) >= soft_limit_)
    return drop("soft_words", fmt::format("the address has {} words of the softer list, limit {}", soft.size(), soft_limit_));
  if (const std::string* found = substrings_.find_in(letters_and_digits(lower)))
    return drop("substring", fmt::format("the address has '{}' in it", *found));
  return keep();
}

Judgement UrlFilter::judge(const Document& document, TextAnalysis&) const {
  return judge_url(document.url);
}

Variant UrlFilter::variant() {
  return {"url",
          {field("file", string().min(1), "JSON: lists domains, hosts, urls, words, soft_words, substrings"),
           field("suffixes", string().min(1), "public_suffix_list.dat"),
           field("private_domains", boolean().def(true), "whose names below are domains of their own, as github.io"),
           field("soft_limit", integer().min(1).def(2), "different soft words from which an address is dropped")},
          "drop documents by their address"};
}

std::unique_ptr<Filter> UrlFilter::make(const Config& config, const std::vector<std::filesystem::path>& files) {
  return std::make_unique<UrlFilter>(read_url_lists(files.at(0)),
                                     PublicSuffixList(read_file(files.at(1)), config.boolean("private_domains")),
                                     static_cast<int>(config.integer("soft_limit")));
}

}  // namespace cairn::data
