#include "engine/data/sources/licence_file.h"

#include <fmt/format.h>

#include "engine/data/characters.h"

namespace cairn::data {

namespace {

constexpr std::string_view kUnknown = "unknown";

// Lower case, white space collapsed, so that wordings can be looked for across lines.
std::string plain_words(std::string_view text) {
  std::string out;
  for (const char c : lower_case_ascii(text.substr(0, 200'000))) {
    if (c != ' ' && (c < '\t' || c > '\r'))
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  return out;
}

std::string spdx_of_name(std::string_view name) {
  std::string lower = lower_case_ascii(strip(name));
  const bool later = lower.ends_with('+') || lower.ends_with("-or-later");
  if (lower.ends_with('+')) lower.pop_back();
  for (const std::string_view suffix : {"-or-later", "-only"}) {
    if (lower.ends_with(suffix)) lower.resize(lower.size() - suffix.size());
  }
  for (const std::string_view family : {"gpl", "lgpl", "agpl", "gfdl"}) {
    if (!lower.starts_with(family) || (lower.size() > family.size() && lower[family.size()] != '-')) continue;
    std::string rest = lower.substr(family.size());
    std::string invariants;
    if (rest.starts_with("-niv")) {
      invariants = "-no-invariants";
      rest = rest.substr(4);
    }
    if (rest.empty()) return std::string(kUnknown);
    std::string version = rest.substr(1);
    if (version.find_first_not_of("0123456789.") != std::string::npos) return std::string(kUnknown);
    if (version.find('.') == std::string::npos) version += ".0";
    std::string upper(family);
    for (char& c : upper) c = static_cast<char>(c - 32);
    return fmt::format("{}-{}{}-{}", upper, version, invariants, later ? "or-later" : "only");
  }
  if (lower == "expat" || lower == "mit" || lower == "mit/x11") return "MIT";
  if (lower == "bsd-3-clause" || lower == "bsd-2-clause") return lower == "bsd-3-clause" ? "BSD-3-Clause" : "BSD-2-Clause";
  if (lower == "apache-2.0" || lower == "apache-2") return "Apache-2.0";
  if (lower.starts_with("cc-by") || lower.starts_with("cc0")) {
    std::string upper = lower;
    for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    return upper;
  }
  if (lower == "public-domain") return "LicenseRef-public-domain";
  if (lower == "isc") return "ISC";
  if (lower == "zlib") return "Zlib";
  if (lower == "artistic") return "Artistic-1.0";
  if (lower == "artistic-2" || lower == "artistic-2.0") return "Artistic-2.0";
  return std::string(kUnknown);
}

std::string join_parts(std::string_view expression, std::string_view word, std::string_view joiner,
                       std::string (*each)(std::string_view)) {
  std::string out;
  const std::string lower = lower_case_ascii(expression);
  for (std::size_t at = 0; at <= expression.size();) {
    const std::size_t end = std::min(lower.find(word, at), expression.size());
    if (!out.empty()) out += joiner;
    out += each(strip(expression.substr(at, end - at)));
    at = end + word.size();
  }
  return out;
}

// "Name: value" of a DEP-5 stanza line; empty when the line continues the field before.
std::string_view field_value(std::string_view line, std::string_view name) {
  if (line.size() <= name.size() || line[name.size()] != ':' || lower_case_ascii(line.substr(0, name.size())) != name) return {};
  return strip(line.substr(name.size() + 1));
}

std::string licence_of_dep5(std::string_view text) {
  std::string first;
  bool in_files = false, all_files = false, after_files = false;
  for (const std::string_view line : split_lines(text)) {
    if (strip(line).empty()) {
      in_files = all_files = false;
      continue;
    }
    if (lower_case_ascii(line.substr(0, 6)) == "files:") {
      in_files = after_files = true;
      all_files = field_value(line, "files") == "*";
      continue;
    }
    if (after_files && line.starts_with(' ') && strip(line) == "*") all_files = in_files;
    after_files &= line.starts_with(' ');
    const std::string_view licence = field_value(line, "license");
    if (licence.empty() || !in_files) continue;
    if (all_files) return spdx_of_dep5(licence);
    if (first.empty()) first = spdx_of_dep5(licence);
  }
  return first.empty() ? std::string(kUnknown) : first;
}

std::string gnu_licence(const std::string& words, std::string_view phrase, std::string_view family) {
  const std::size_t at = words.find(phrase);
  if (at == std::string::npos) return {};
  const std::string_view near = std::string_view(words).substr(at, 400);
  const std::size_t version = near.find("version ");
  if (version == std::string_view::npos) return {};
  std::string number;
  for (std::size_t i = version + 8;
       i < near.size() && ((near[i] >= '0' && near[i] <= '9') ||
                           (near[i] == '.' && i + 1 < near.size() && near[i + 1] >= '0' && near[i + 1] <= '9'));
       ++i)
    number += near[i];
  if (number.empty()) return {};
  if (number.find('.') == std::string::npos) number += ".0";
  const std::string_view after = near.substr(version, 160);
  const bool later = after.find("any later version") != std::string_view::npos ||
                     after.find("or later") != std::string_view::npos || after.find("or higher") != std::string_view::npos;
  return fmt::format("{}-{}-{}", family, number, later ? "or-later" : "only");
}

}  // namespace

std::string spdx_of_dep5(std::string_view name) {
  const auto conjunction = [](std::string_view part) { return join_parts(part, " and ", " AND ", spdx_of_name); };
  return join_parts(name, " or ", " OR ", +conjunction);
}

std::string licence_of_copyright_file(std::string_view text) {
  const std::string words = plain_words(text);
  if (words.starts_with("format:")) return licence_of_dep5(text);
  struct Gnu {
    std::string_view phrase, family;
  };
  for (const Gnu& gnu :
       {Gnu{"gnu free documentation license", "GFDL"}, Gnu{"gnu lesser general public license", "LGPL"},
        Gnu{"gnu affero general public license", "AGPL"}, Gnu{"gnu general public license", "GPL"}, Gnu{"gnu gpl", "GPL"}}) {
    const std::string found = gnu_licence(words, gnu.phrase, gnu.family);
    if (!found.empty()) return found;
  }
  if (words.find("permission is hereby granted, free of charge, to any person obtaining a copy") != std::string::npos)
    return "MIT";
  if (words.find("redistribution and use in source and binary forms") != std::string::npos) {
    return words.find("neither the name") != std::string::npos ? "BSD-3-Clause" : "BSD-2-Clause";
  }
  if (const std::size_t at = words.find("creative commons attribution"); at != std::string::npos) {
    const std::string_view near = std::string_view(words).substr(at, 200);
    const bool alike = near.find("share") != std::string_view::npos;
    if (near.find("noncommercial") == std::string_view::npos && near.find("noderiv") == std::string_view::npos) {
      for (const std::string_view version : {"4.0", "3.0", "2.5", "2.0", "1.0"}) {
        if (near.find(version) != std::string_view::npos) return fmt::format("CC-BY{}-{}", alike ? "-SA" : "", version);
      }
    }
  }
  if (words.find("permission is granted to make and distribute verbatim copies of this") != std::string::npos &&
      words.find("permission is granted to copy and distribute modified versions of this") != std::string::npos) {
    return "LicenseRef-GNU-manual";
  }
  return std::string(kUnknown);
}

}  // namespace cairn::data
