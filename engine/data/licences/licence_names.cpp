#include "engine/data/licences/licence_names.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <cctype>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/embedded.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/licences/creative_commons.h"

namespace cairn::data {

const std::vector<EmbeddedFile>& embedded_files();  // assets/robots, assets/licences

namespace {

constexpr std::string_view kTable = "licences.json";
constexpr std::size_t kMostUrl = 2048, kMostExpression = 512;

struct Table {
  // By host: beginnings of paths in lower case, and identifiers.
  std::unordered_map<std::string, std::vector<std::pair<std::string, std::string>>> addresses;
  std::vector<std::string> registries;
  std::array<std::vector<std::pair<std::string, std::string>>, 256> names;  // by first byte; longest first
  std::bitset<1 << 16> beginnings;  // the two bytes, in lower case, that a mention in running text may begin with
  std::unordered_map<std::string, std::string> identifiers;  // lower case -> as SPDX has it
};

std::size_t pair_of(char first, char second) {
  return static_cast<std::size_t>(static_cast<unsigned char>(first)) << 8 | static_cast<unsigned char>(second);
}

const Table& table() {
  static const Table read = [] {
    for (const EmbeddedFile& file : embedded_files()) {
      if (file.name != kTable) continue;
      const Json json = parse_json(file.text, file.name);
      Table t;
      for (const auto& [address, id] : json.at("addresses").items()) {
        const std::size_t slash = std::min(address.find('/'), address.size());
        t.addresses[address.substr(0, slash)].emplace_back(address.substr(slash), id.get<std::string>());
      }
      for (const Json& registry : json.at("registries")) t.registries.push_back(registry.get<std::string>());
      for (const auto& [name, id] : json.at("names").items())
        t.names[static_cast<unsigned char>(name[0])].emplace_back(name, id.get<std::string>());
      for (const std::string_view mark : {"cc", "creative", "gnu", "gfdl", "spdx"}) t.beginnings.set(pair_of(mark[0], mark[1]));
      for (int second = 0; second < 256; ++second) t.beginnings.set(pair_of(kLinkBegin, static_cast<char>(second)));
      for (auto& of_letter : t.names) {
        for (const auto& [name, id] : of_letter) t.beginnings.set(pair_of(name[0], name[1]));
        std::stable_sort(of_letter.begin(), of_letter.end(),
                         [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
      }
      for (const Json& id : json.at("identifiers"))
        t.identifiers[lower_case_ascii(id.get<std::string>())] = id.get<std::string>();
      return t;
    }
    fail("{} is not in this program", kTable);
  }();
  return read;
}

// Identifiers that SPDX has replaced.
std::string current_identifier(const std::string& lower) {
  constexpr std::pair<std::string_view, std::string_view> kReplaced[] = {
      {"gpl-2.0", "gpl-2.0-only"},      {"gpl-2.0+", "gpl-2.0-or-later"},   {"gpl-3.0", "gpl-3.0-only"},
      {"gpl-3.0+", "gpl-3.0-or-later"}, {"lgpl-2.1", "lgpl-2.1-only"},      {"lgpl-2.1+", "lgpl-2.1-or-later"},
      {"lgpl-3.0", "lgpl-3.0-only"},    {"lgpl-3.0+", "lgpl-3.0-or-later"}, {"agpl-3.0", "agpl-3.0-only"},
      {"gfdl-1.1", "gfdl-1.1-only"},    {"gfdl-1.2", "gfdl-1.2-only"},      {"gfdl-1.3", "gfdl-1.3-only"}};
  for (const auto& [old, now] : kReplaced) {
    if (lower == old) return std::string(now);
  }
  return lower;
}

// As SPDX spells it; empty for what is no identifier that is known here.
std::string identifier(std::string_view token) {
  const std::string lower = current_identifier(lower_case_ascii(token));
  if (const auto found = table().identifiers.find(lower); found != table().identifiers.end()) return found->second;
  if (lower.starts_with("licenseref-") && token.size() > 11 && std::all_of(token.begin(), token.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.';
      }))
    return "LicenseRef-" + std::string(token.substr(11));
  if (lower.starts_with("cc-")) {
    std::size_t end = 0;
    const std::string id = creative_commons_mark(lower, 0, end);
    if (end == lower.size() && !id.starts_with("LicenseRef-")) return id;
    // With a country: CC-BY-3.0-DE.
    const std::size_t country = lower.rfind('-');
    if (end == country && lower.size() - country <= 4) {
      const std::size_t version = lower.rfind('-', country - 1);
      return creative_commons_id(lower.substr(3, version - 3), lower.substr(version + 1, country - version - 1),
                                 lower.substr(country + 1));
    }
  }
  return {};
}

// A letter (as creative_commons.cpp has it) or digit that stands at text[at], or that ends before it.
bool letter_or_digit_at(std::string_view text, std::size_t at) {
  if (at >= text.size()) return false;
  const auto byte = static_cast<unsigned char>(text[at]);
  return std::isalnum(byte) || (byte >= 0xc3 && byte <= 0xdf);
}
bool letter_or_digit_before(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  std::size_t begin = at - 1;
  while (begin > 0 && (text[begin] & '\xc0') == '\x80') --begin;
  return letter_or_digit_at(text, begin);
}

// What stands before `at` of its sentence. "A. Person" and "e.g. this" end none: a point behind a single letter.
std::string_view sentence_before(std::string_view text, std::size_t at) {
  for (std::size_t i = at; i > 0; --i) {
    const char c = text[i - 1];
    if (c == '\n' && (i == 1 || text[i - 2] == '\n')) return text.substr(i, at - i);
    if (c != ' ' || i < 2 || (text[i - 2] != '.' && text[i - 2] != '!' && text[i - 2] != '?')) continue;
    const bool initial =
        text[i - 2] == '.' && i >= 3 && letter_or_digit_at(text, i - 3) && (i == 3 || !letter_or_digit_at(text, i - 4));
    if (!initial) return text.substr(i, at - i);
  }
  return text.substr(0, at);
}

}  // namespace

std::string licence_of_url(std::string_view url) {
  url = strip(url.substr(0, kMostUrl));
  std::string lower = lower_case_ascii(url.substr(0, url.find_first_of("?#")));
  std::string_view rest = lower;
  for (const std::string_view scheme : {"https:", "http:"}) {
    if (rest.starts_with(scheme)) rest.remove_prefix(scheme.size());
  }
  if (rest.starts_with("//"))
    rest.remove_prefix(2);
  else if (rest.size() != lower.size())
    return {};
  if (rest.starts_with("www.")) rest.remove_prefix(4);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view host = rest.substr(0, slash), path = rest.substr(slash);
  if (host == "creativecommons.org" || host.ends_with(".creativecommons.org") || host == "licensebuttons.net")
    return creative_commons_path(path);
  // The longest entry that the address begins with.
  if (const auto of_host = table().addresses.find(std::string(host)); of_host != table().addresses.end()) {
    const std::pair<std::string, std::string>* found = nullptr;
    for (const auto& entry : of_host->second) {
      if (path.starts_with(entry.first) && (found == nullptr || entry.first.size() > found->first.size())) found = &entry;
    }
    if (found != nullptr) return found->second;
  }
  for (const std::string& registry : table().registries) {
    if (!rest.starts_with(registry)) continue;
    std::string_view name = rest.substr(registry.size());
    name = name.substr(0, name.find('/'));
    for (const std::string_view ending : {".html", ".php", ".json", ".txt"}) {
      if (name.ends_with(ending)) name.remove_suffix(ending.size());
    }
    return identifier(name);
  }
  return {};
}

std::string spdx_expression(std::string_view text) {
  text = strip(text);
  if (text.empty() || text.size() > kMostExpression) return {};
  std::vector<std::string> parts;
  std::string word;
  int depth = 0;
  const auto finish = [&] {
    if (!word.empty()) parts.push_back(word);
    word.clear();
  };
  for (const char c : text) {
    if (c == '(' || c == ')') {
      finish();
      parts.emplace_back(1, c);
      depth += c == '(' ? 1 : -1;
      if (depth < 0) return {};
    } else if (c == ' ' || c == '\t') {
      finish();
    } else {
      word += c;
    }
  }
  finish();
  if (depth != 0) return {};
  // "(A OR B)" whole.
  while (parts.size() > 2 && parts.front() == "(" && parts.back() == ")" && std::count(parts.begin(), parts.end(), "(") == 1) {
    parts.erase(parts.begin());
    parts.pop_back();
  }
  std::string out;
  bool operand = true;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string& part = parts[i];
    const std::string lower = lower_case_ascii(part);
    if (part == "(") {
      if (!operand) return {};
      out += (out.empty() || out.ends_with('(') ? "" : " ") + part;
    } else if (part == ")") {
      if (operand) return {};
      out += part;
    } else if (lower == "and" || lower == "or" || lower == "with") {
      if (operand) return {};
      out += lower == "and" ? " AND" : lower == "or" ? " OR" : " WITH";
      if (lower == "with") {  // an exception's name, which is taken as it stands
        if (++i == parts.size() || parts[i] == "(" || parts[i] == ")") return {};
        out += " " + parts[i];
        continue;
      }
      operand = true;
    } else {
      const std::string id = identifier(part);
      if (!operand || id.empty()) return {};
      out += (out.empty() || out.ends_with('(') ? "" : " ") + id;
      operand = false;
    }
  }
  return operand ? std::string() : out;
}

std::string licence_of_value(std::string_view value) {
  value = strip(value.substr(0, kMostUrl));
  if (value.empty()) return {};
  if (value.starts_with("http:") || value.starts_with("https:") || value.starts_with("//")) {
    const std::size_t end = value.find_first_of(" \t\n");
    if (std::string id = licence_of_url(value.substr(0, end)); !id.empty() || end == std::string_view::npos) return id;
  }
  if (std::string id = spdx_expression(value); !id.empty()) return id;
  if (const std::size_t address = value.find("http"); address != std::string_view::npos) {
    const std::string_view rest = value.substr(address);
    if (std::string id = licence_of_url(rest.substr(0, rest.find_first_of(" \t\n\"'<>),"))); !id.empty()) return id;
  }
  std::set<std::string> found;
  for (const LicenceMention& mention : licence_mentions(value)) {
    if (value[mention.begin] != kLinkBegin) found.insert(mention.licence);  // which only read_page_marks() may write
  }
  return found.size() == 1 ? *found.begin() : std::string();
}

// ---- running text

namespace {

// "GNU Free Documentation License, Version 1.2 or any later version" that begins at `at`.
std::string gfdl_mark(std::string_view lower, std::size_t at, std::size_t& end) {
  std::size_t name = 0;
  for (const std::string_view form : {"gnu free documentation license", "gnu free documentation licence", "gnu fdl", "gfdl"}) {
    if (lower.substr(at).starts_with(form)) {
      name = form.size();
      break;
    }
  }
  if (name == 0 || letter_or_digit_at(lower, at + name)) return {};
  end = at + name;
  const std::string_view behind = lower.substr(end, 60);
  std::string version;
  std::size_t where = std::string_view::npos;
  for (const std::string_view number : {"1.1", "1.2", "1.3"}) {
    const std::size_t found = behind.find(number);
    if (found < where && found <= 24) {
      where = found;
      version = number;
    }
  }
  // Without a version any that was ever published may be chosen (GFDL §10).
  if (version.empty()) return "GFDL-1.1-or-later";
  end += where + version.size();
  const std::size_t later = lower.substr(end, 40).find("later");
  if (later != std::string_view::npos) end += later + 5;
  return "GFDL-" + version + (later != std::string_view::npos ? "-or-later" : "-only");
}

constexpr std::string_view kSpdxMark = "spdx-license-identifier:";

// Whether `text` can hold a mention at all: every mark and name has one of these.
bool may_mention(std::string_view text) {
  for (const std::string_view piece : {"icen", "izen", "cc", "CC", "Cc", "reative", "REATIVE", "GFDL", "gfdl", "ICEN", "IZEN",
                                       "GPL", "gpl", "ublic domain", "PUBLIC DOMAIN", "ublic Domain", "GNU FDL"}) {
    if (text.find(piece) != std::string_view::npos) return true;
  }
  return text.find(kLinkBegin) != std::string_view::npos;
}

}  // namespace

std::vector<LicenceMention> licence_mentions(std::string_view text) {
  if (!may_mention(text)) return {};
  const std::string lower = lower_case_ascii(text);
  std::vector<LicenceMention> found;
  const auto& beginnings = table().beginnings;
  for (std::size_t at = 0; at < lower.size(); ++at) {
    if (!beginnings[pair_of(lower[at], lower.c_str()[at + 1])]) continue;
    if (lower[at] == kLinkBegin) {
      const std::size_t close = text.find(kLinkEnd, at);
      if (close == std::string_view::npos) continue;
      found.push_back({at, close + 1, std::string(text.substr(at + 1, close - at - 1))});
      at = close;
      continue;
    }
    if (!std::isalnum(static_cast<unsigned char>(lower[at])) || letter_or_digit_before(lower, at) ||
        (at > 0 && lower[at - 1] == '_'))
      continue;
    const std::string_view rest = std::string_view(lower).substr(at);
    std::size_t end = at;
    std::string id;
    if (rest.starts_with("cc") || rest.starts_with("creative")) {
      id = creative_commons_mark(lower, at, end);
    } else if (rest.starts_with("g")) {
      id = gfdl_mark(lower, at, end);
    } else if (rest.starts_with(kSpdxMark)) {
      std::size_t begin = at + kSpdxMark.size();
      std::string_view line = text.substr(begin);
      line = line.substr(0, 200);  // first: a line may be the whole text
      line = line.substr(0, line.find_first_of("\r\n"));
      // A comment that ends on the line is not part of it.
      for (const std::string_view close : {"*/", "-->", "#}", "\"", "</"}) line = line.substr(0, line.find(close));
      id = spdx_expression(line);
      end = begin + line.size();
    }
    if (id.empty()) {
      for (const auto& [name, licence] : table().names[static_cast<unsigned char>(rest[0])]) {
        if (!rest.starts_with(name) || letter_or_digit_at(rest, name.size())) continue;
        id = licence;
        end = at + name.size();
        break;
      }
    }
    if (id.empty()) continue;
    found.push_back({at, end, id});
    at = end - 1;
  }
  return found;
}

std::vector<LicenceMention> granted_licences(std::string_view text) {
  constexpr std::size_t kBefore = 160, kAfter = 48, kLine = 64, kPictureBefore = 90;
  constexpr std::string_view kGrants[] = {"licensed under",
                                          "licenced under",
                                          "license:",
                                          "licence:",
                                          "lizenz:",
                                          "licensed by",
                                          "available under",
                                          "released under",
                                          "published under",
                                          "distributed under",
                                          "made available",
                                          "under a ",
                                          "under the terms",
                                          "terms of the",
                                          "is licensed",
                                          "are licensed",
                                          "unter der ",
                                          "unter einer ",
                                          "lizenziert",
                                          "lizenz ",
                                          "lizenzvertrag",
                                          "sous licence",
                                          "sous la licence",
                                          "sous les termes",
                                          "bajo licencia",
                                          "bajo una licencia",
                                          "bajo la licencia",
                                          "bajo los t\xc3\xa9rminos",
                                          "con licenza",
                                          "sotto licenza",
                                          "distribuito con",
                                          "rilasciato",
                                          "secondo i termini",
                                          "sob uma licen\xc3\xa7",
                                          "sob a licen\xc3\xa7",
                                          "onder de licentie",
                                          "onder een ",
                                          "subject to",
                                          "content:",
                                          "except where otherwise",
                                          "rights:",
                                          "copyright",
                                          "\xc2\xa9",
                                          "(c)",
                                          "dedicated to",
                                          "waived",
                                          "\xe8\xae\xb8\xe5\x8f\xaf",
                                          "\xe6\x8e\x88\xe6\x9d\x83",
                                          "\xd0\xbb\xd0\xb8\xd1\x86\xd0\xb5\xd0\xbd\xd0\xb7\xd0\xb8"};
  constexpr std::string_view kPictures[] = {"image",     "photo",  "picture", "figure",   "illustration", "icon",      "logo",
                                            "font",      "video",  "music",   "bild",     "foto",         "abbildung", "grafik",
                                            "thumbnail", "sound",  "diagram", "clip art", "screenshot",   "map data",  "imagen",
                                            "immagine",  "dessin", "artwork", "emoji"};
  // Words that speak of licences instead of granting one.
  constexpr std::string_view kOthers[] = {"such as",      "for example", "e.g.",         "compatible with", "unlike",
                                          "incompatible", "instead of",  "not licensed", "rather than",     "difference between",
                                          "no longer",    "what is",     "previously",   "if you",          "z.b.",
                                          "zum beispiel", "par exemple"};
  const auto any_in = [](const auto& words, std::string_view where) {
    return std::any_of(std::begin(words), std::end(words),
                       [where](std::string_view word) { return where.find(word) != std::string_view::npos; });
  };
  constexpr std::size_t kMostMentions = 2000;  // no page has so many that is not made to cost time
  std::vector<LicenceMention> mentions = licence_mentions(text);
  if (mentions.empty()) return {};
  if (mentions.size() > kMostMentions) mentions.resize(kMostMentions);
  const std::string lower = lower_case_ascii(text);
  std::vector<LicenceMention> granted;
  for (const LicenceMention& mention : mentions) {
    const std::string_view whole = lower;
    if (whole.substr(mention.begin).starts_with(kSpdxMark)) {
      granted.push_back(mention);
      continue;
    }
    // The sentence, or as much of it as is near.
    const std::size_t from = mention.begin - std::min(mention.begin, kBefore);
    const std::string_view before = sentence_before(whole.substr(from), mention.begin - from);
    const std::string_view near = before.substr(before.size() - std::min(before.size(), kPictureBefore));
    const std::string_view after = whole.substr(mention.end, kAfter);
    const std::string_view close = after.substr(0, after.find_first_of(".\n"));
    if (any_in(kPictures, near) || any_in(kOthers, before)) continue;
    const std::string_view first = close.substr(0, 16);
    if (first.starts_with(" image") || first.starts_with(" photo") || first.starts_with(" or ") || first.starts_with(" and cc") ||
        first.find(" vs") != std::string_view::npos)
      continue;
    // "CC BY 4.0" alone on its line, as footers have it. A line may be the whole text: no more of it is looked at than decides.
    const std::string_view back = whole.substr(mention.begin - std::min(mention.begin, kLine), std::min(mention.begin, kLine));
    const std::string_view line_before = back.substr(back.rfind('\n') + 1);  // behind npos: all of it
    const std::string_view ahead = whole.substr(mention.end, kLine);
    const std::string_view line_after = ahead.substr(0, ahead.find('\n'));
    const bool alone = strip(line_before).size() <= 2 && strip(line_after).size() <= 24;
    if (alone || any_in(kGrants, before)) granted.push_back(mention);
  }
  return granted;
}

}  // namespace cairn::data
