// robots.txt as Protego 0.4 reads it on Python 3.11, its quirks among them: what a rule's place in the file, its escapes and
// Python's urlparse make of it. Checked against it on real files (tests/golden/robots/make_robots.py).
#include <algorithm>
#include <array>
#include <cctype>
#include <unordered_map>

#include "engine/data/characters.h"
#include "engine/data/robots/robots.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

bool one_of(std::string_view text, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), text) != names.end();
}
bool is_user_agent(std::string_view field) {
  return one_of(field, {"user-agent", "useragent", "user agent"});
}
bool is_allow(std::string_view field) {
  return field == "allow";
}
bool is_disallow(std::string_view field) {
  return one_of(field, {"disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"});
}
bool is_sitemap(std::string_view field) {
  return one_of(field, {"sitemap", "sitemaps", "site-map"});
}
bool is_known(std::string_view field) {
  return is_user_agent(field) || is_allow(field) || is_disallow(field) || is_sitemap(field) ||
         one_of(field, {"crawl-delay", "crawl delay", "request-rate", "request rate", "host"});
}

// ---- Python's urllib.parse

struct Url {
  std::string path, params, query, fragment;
  bool good = true;  // false: urlparse raises
};

Url urlparse(std::string_view text) {
  std::string url;
  std::size_t begin = 0;
  while (begin < text.size() && static_cast<unsigned char>(text[begin]) <= ' ') ++begin;
  for (const char c : text.substr(begin)) {
    if (c != '\t' && c != '\r' && c != '\n') url += c;
  }
  bool has_params = true;  // the schemes whose paths have ";parameters"
  const std::size_t colon = url.find(':');
  if (colon != std::string::npos && colon > 0 && std::isalpha(static_cast<unsigned char>(url[0])) &&
      std::all_of(url.begin(), url.begin() + static_cast<long>(colon), [](char c) {
        return static_cast<unsigned char>(c) < 0x80 &&
               (std::isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '-' || c == '.');
      })) {
    const std::string scheme = lower_case_ascii(url.substr(0, colon));
    has_params = one_of(scheme, {"ftp", "hdl", "prospero", "http", "imap", "https", "shttp", "rtsp", "rtsps", "rtspu", "sip",
                                 "sips", "mms", "sftp", "tel"});
    url.erase(0, colon + 1);
  }
  Url parsed;
  if (url.starts_with("//")) {
    const std::size_t end = std::min(url.find_first_of("/?#", 2), url.size());
    const std::string_view host = std::string_view(url).substr(2, end - 2);
    parsed.good = (host.find('[') == std::string_view::npos) == (host.find(']') == std::string_view::npos);
    url.erase(0, end);
  }
  if (const std::size_t hash = url.find('#'); hash != std::string::npos) {
    parsed.fragment = url.substr(hash + 1);
    url.resize(hash);
  }
  if (const std::size_t mark = url.find('?'); mark != std::string::npos) {
    parsed.query = url.substr(mark + 1);
    url.resize(mark);
  }
  if (has_params) {
    const std::size_t slash = url.rfind('/');
    const std::size_t semicolon = url.find(';', slash == std::string::npos ? 0 : slash);
    if (semicolon != std::string::npos) {
      parsed.params = url.substr(semicolon + 1);
      url.resize(semicolon);
    }
  }
  parsed.path = std::move(url);
  return parsed;
}

std::string urlunparse(std::string path, const Url& url) {
  if (!url.params.empty()) path += ";" + url.params;
  if (!url.query.empty()) path += "?" + url.query;
  if (!url.fragment.empty()) path += "#" + url.fragment;
  return path;
}

// Decodes escapes but those of `kept`, then escapes all but letters, digits, "_.-~" and `safe`.
std::string requoted(std::string_view text, std::string_view kept, std::string_view safe) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 2 >= text.size() || !std::isxdigit(static_cast<unsigned char>(text[i + 1])) ||
        !std::isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      bytes += text[i];
      continue;
    }
    const std::string digits = {static_cast<char>(std::toupper(static_cast<unsigned char>(text[i + 1]))),
                                static_cast<char>(std::toupper(static_cast<unsigned char>(text[i + 2])))};
    const auto byte = static_cast<char>(kHex.find(digits[0]) * 16 + kHex.find(digits[1]));
    if (kept.find(byte) != std::string_view::npos)
      bytes += "%" + digits;
    else
      bytes += byte;
    i += 2;
  }
  std::string out;
  for (const char c : text::utf8_lossy(bytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '_' || c == '.' || c == '-' || c == '~' || safe.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::optional<std::string> quoted_pattern(std::string pattern) {
  if (pattern.starts_with("https://") || pattern.starts_with("http://")) pattern = "/" + pattern;
  if (pattern.starts_with("//")) pattern = "//" + pattern;
  std::string last;
  if (one_of(std::string_view(pattern).substr(pattern.size() - 1), {"?", ";", "$"})) {
    last = pattern.back();
    pattern.pop_back();
  }
  const Url url = urlparse(pattern);
  if (!url.good) return std::nullopt;
  return urlunparse(requoted(url.path, "/*$%", "/*%=") + last, url);
}

// ---- rules

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// Adds what a line means; false when Protego would give up on the file.
bool add_rule(std::vector<RobotsRule>& rules, const std::string& value, bool allow, std::uint32_t line) {
  if (value.find('$') != std::string::npos) {
    std::string literal = value;
    replace_all(literal, "$", "%24");
    if (!add_rule(rules, literal, allow, line)) return false;
  }
  const std::optional<std::string> pattern = quoted_pattern(value);
  if (!pattern) return false;
  if (pattern->empty()) return true;
  rules.push_back({*pattern, line, static_cast<std::uint32_t>(count_characters(*pattern)), allow});
  if (allow && pattern->ends_with("/index.html"))
    return add_rule(rules, pattern->substr(0, pattern->size() - 10) + "$", true, line);
  return true;
}

// Field and value of a line that is not empty; false when it is none.
bool split_field(std::string_view line, std::string& field, std::string& value) {
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    field = lower_case_ascii(strip(line.substr(0, colon)));
    value = strip(line.substr(colon + 1));
    return true;
  }
  for (std::size_t space = line.find(' '); space != std::string_view::npos; space = line.find(' ', space + 1)) {
    if (!is_known(line.substr(0, space))) continue;  // as it stands, so in lower case only
    field = line.substr(0, space);
    value = strip(line.substr(space + 1));
    return true;
  }
  return false;
}

// The agents that a row of lines names share the rules behind it; an agent may stand in many rows.
struct Agent {
  std::string name;
  std::vector<std::size_t> blocks;  // of rules, ascending
};

}  // namespace

std::optional<std::string> protego_path(std::string_view url) {
  const Url parsed = urlparse(text::utf8_lossy(url));
  if (!parsed.good) return std::nullopt;
  std::string path = urlunparse(requoted(parsed.path, "/%", "/%"), parsed);
  return path.empty() ? "/" : path;
}

std::vector<std::vector<RobotsRule>> protego_rules(std::string_view file, std::span<const std::string> agents) {
  const std::vector<std::vector<RobotsRule>> nothing(agents.size());
  const std::string content = text::utf8_lossy(file);
  std::vector<std::vector<RobotsRule>> blocks;
  std::vector<Agent> named;
  std::unordered_map<std::string, std::size_t> place_of;  // in `named`
  bool in_block = false;
  std::string previous, field, value;
  std::uint32_t number = 0;
  for (std::string_view line : split_lines(content)) {
    ++number;
    line = strip(line.substr(0, line.find('#')));
    if (line.empty() || !split_field(line, field, value)) continue;
    if (value.empty()) {
      previous = field;
      continue;
    }
    if (!in_block && !is_user_agent(field) && !is_sitemap(field)) continue;
    if (is_user_agent(field)) {
      if (!in_block || (!previous.empty() && !is_user_agent(previous))) blocks.emplace_back();
      in_block = true;
      const std::string agent = lower_case_ascii(value);
      std::string without_star = agent;
      replace_all(without_star, "*", "");
      for (const std::string& name : {agent, agent == "*" || agent == without_star ? std::string() : without_star}) {
        if (name.empty()) continue;
        const auto [known, fresh] = place_of.try_emplace(name, named.size());
        if (fresh) named.push_back({name, {}});
        std::vector<std::size_t>& of_agent = named[known->second].blocks;
        if (of_agent.empty() || of_agent.back() != blocks.size() - 1) of_agent.push_back(blocks.size() - 1);
      }
    } else if (is_allow(field) || is_disallow(field)) {
      if (!add_rule(blocks.back(), value, is_allow(field), number)) return nothing;
    }
    previous = field;
  }
  std::vector<std::vector<RobotsRule>> rules(agents.size());
  for (std::size_t i = 0; i < agents.size(); ++i) {
    const std::string name = lower_case_ascii(strip(agents[i]));
    std::size_t best = 0;
    const Agent* chosen = nullptr;
    for (const Agent& agent : named) {
      const std::size_t score = agent.name == "*"                            ? 1
                                : name.find(agent.name) != std::string::npos ? count_characters(agent.name)
                                                                             : 0;
      if (score <= best) continue;
      best = score;
      chosen = &agent;
    }
    if (chosen == nullptr) continue;
    for (const std::size_t block : chosen->blocks) rules[i].insert(rules[i].end(), blocks[block].begin(), blocks[block].end());
    std::stable_sort(rules[i].begin(), rules[i].end(), [](const RobotsRule& a, const RobotsRule& b) {
      return a.priority != b.priority ? a.priority > b.priority : a.allow > b.allow;
    });
  }
  return rules;
}

}  // namespace cairn::data
