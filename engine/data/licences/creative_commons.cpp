#include "engine/data/licences/creative_commons.h"

#include <algorithm>
#include <array>

#include "engine/data/characters.h"

namespace cairn::data {

namespace {

constexpr std::string_view kVersions[] = {"1.0", "2.0", "2.1", "2.5", "3.0", "4.0"};

// Ports that SPDX has identifiers for.
constexpr std::string_view kPorts[] = {"CC-BY-2.5-AU",       "CC-BY-3.0-AT",        "CC-BY-3.0-AU",        "CC-BY-3.0-DE",
                                       "CC-BY-3.0-IGO",      "CC-BY-3.0-NL",        "CC-BY-3.0-US",        "CC-BY-NC-3.0-DE",
                                       "CC-BY-NC-ND-3.0-DE", "CC-BY-NC-ND-3.0-IGO", "CC-BY-NC-SA-2.0-DE",  "CC-BY-NC-SA-2.0-FR",
                                       "CC-BY-NC-SA-2.0-UK", "CC-BY-NC-SA-3.0-DE",  "CC-BY-NC-SA-3.0-IGO", "CC-BY-ND-3.0-DE",
                                       "CC-BY-SA-2.0-UK",    "CC-BY-SA-2.1-JP",     "CC-BY-SA-3.0-AT",     "CC-BY-SA-3.0-DE",
                                       "CC-BY-SA-3.0-IGO"};

bool is_version(std::string_view text) {
  return std::find(std::begin(kVersions), std::end(kVersions), text) != std::end(kVersions);
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return out;
}

// The elements of a licence in words, longest first where one begins like another: English, German, French, Spanish, Italian,
// Portuguese, Dutch as the deeds have them.
struct Element {
  std::string_view word;
  char which;  // b(y), n(c), s(a), d (nd)
};
constexpr Element kElements[] = {
    {"attribution", 'b'},
    {"namensnennung", 'b'},
    {"reconocimiento", 'b'},
    {"atribuci\xc3\xb3n", 'b'},
    {"atribui\xc3\xa7\xc3\xa3o", 'b'},
    {"attribuzione", 'b'},
    {"naamsvermelding", 'b'},
    {"paternit\xc3\xa9", 'b'},
    {"noncommercial", 'n'},
    {"non-commercial", 'n'},
    {"non commercial", 'n'},
    {"nicht-kommerziell", 'n'},
    {"nicht kommerziell", 'n'},
    {"nichtkommerziell", 'n'},
    {"keine kommerzielle nutzung", 'n'},
    {"pas d'utilisation commerciale", 'n'},
    {"pas d\xe2\x80\x99utilisation commerciale", 'n'},
    {"nocomercial", 'n'},
    {"no comercial", 'n'},
    {"n\xc3\xa3o"
     "comercial",
     'n'},
    {"non commerciale", 'n'},
    {"niet-commercieel", 'n'},
    {"nietcommercieel", 'n'},
    {"sharealike", 's'},
    {"share-alike", 's'},
    {"share alike", 's'},
    {"weitergabe unter gleichen bedingungen", 's'},
    {"partage dans les m\xc3\xaames conditions", 's'},
    {"partage \xc3\xa0 l'identique", 's'},
    {"compartirigual", 's'},
    {"compartir igual", 's'},
    {"compartilhaigual", 's'},
    {"condividi allo stesso modo", 's'},
    {"gelijkdelen", 's'},
    {"noderivatives", 'd'},
    {"noderivs", 'd'},
    {"no-derivatives", 'd'},
    {"no derivatives", 'd'},
    {"no derivative works", 'd'},
    {"no derivs", 'd'},
    {"keine bearbeitungen", 'd'},
    {"keine bearbeitung", 'd'},
    {"pas de modification", 'd'},
    {"sinobraderivada", 'd'},
    {"sin obra derivada", 'd'},
    {"sinderivadas", 'd'},
    {"semderiva\xc3\xa7\xc3\xb5"
     "es",
     'd'},
    {"non opere derivate", 'd'},
    {"geenafgeleidewerken", 'd'},
};

// Whether a letter stands at text[at], in lower case: ASCII, or one of two bytes behind Latin-1's signs (Latin, Greek, Cyrillic,
// Hebrew, Arabic). Scripts without blanks are a boundary.
bool letter_at(std::string_view text, std::size_t at) {
  if (at >= text.size()) return false;
  const auto byte = static_cast<unsigned char>(text[at]);
  return (byte >= 'a' && byte <= 'z') || (byte >= 0xc3 && byte <= 0xdf);
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Blanks, hyphens and dashes of every kind, slashes and commas that stand between the parts of a name.
std::size_t skip_joints(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    if (text[at] == ' ' || text[at] == '-' || text[at] == '/' || text[at] == '\n' || text[at] == '\t' || text[at] == '_') {
      ++at;
    } else if (text.substr(at, 2) == "\xc2\xa0") {
      at += 2;
    } else if (const std::string_view three = text.substr(at, 3);
               three == "\xe2\x80\x93" || three == "\xe2\x80\x94" || three == "\xe2\x80\x91" || three == "\xe2\x80\x90") {
      at += 3;
    } else {
      break;
    }
  }
  return at;
}

// "4.0", "v4.0", "version 4.0" or "4" behind the elements; `end` moves behind it and behind "international" or "unported".
std::string take_version(std::string_view text, std::size_t& end) {
  std::size_t at = skip_joints(text, end);
  for (const std::string_view word : {"lizenz", "license", "licence", "version", "ver.", "v."}) {
    if (text.substr(at).starts_with(word)) at = skip_joints(text, at + word.size());
  }
  if (text.substr(at, 1) == "v" && at + 1 < text.size() && is_digit(text[at + 1])) ++at;
  std::string version;
  if (is_version(text.substr(at, 3))) {
    version = text.substr(at, 3);
    at += 3;
  } else if (at < text.size() && text[at] >= '1' && text[at] <= '4' &&
             (at + 1 == text.size() || !(is_digit(text[at + 1]) || text[at + 1] == '.' || letter_at(text, at + 1)))) {
    version = std::string(1, text[at]) + ".0";
    at += 1;
  } else {
    return {};
  }
  if (at < text.size() && is_digit(text[at])) return {};
  end = at;
  return version;
}

// "by", "by-nc-sa": the short marks behind "cc"; `end` moves behind them.
std::string take_short_parts(std::string_view text, std::size_t& end) {
  std::string parts;
  for (;;) {
    std::size_t at = parts.empty() ? end : skip_joints(text, end);
    if (at == end && !parts.empty()) break;
    const std::string_view part = text.substr(at, 2);
    if (part != "by" && part != "nc" && part != "sa" && part != "nd") break;
    if (letter_at(text, at + 2)) break;
    parts += (parts.empty() ? "" : "-") + std::string(part);
    end = at + 2;
  }
  return parts;
}

std::string take_words(std::string_view text, std::size_t& end) {
  std::string parts;
  for (;;) {
    const std::size_t at = skip_joints(text, end);
    const auto element = std::find_if(std::begin(kElements), std::end(kElements),
                                      [&](const Element& e) { return text.substr(at).starts_with(e.word); });
    if (element == std::end(kElements)) break;
    const char* short_part = element->which == 'b' ? "by" : element->which == 'n' ? "nc" : element->which == 's' ? "sa" : "nd";
    parts += (parts.empty() ? "" : "-") + std::string(short_part);
    end = at + element->word.size();
  }
  return parts;
}

}  // namespace

std::string creative_commons_id(std::string_view parts, std::string_view version, std::string_view country) {
  bool by = false, nc = false, sa = false, nd = false;
  for (std::size_t at = 0; at <= parts.size();) {
    const std::size_t end = std::min(parts.find('-', at), parts.size());
    const std::string_view part = parts.substr(at, end - at);
    bool* which = part == "by" ? &by : part == "nc" ? &nc : part == "sa" ? &sa : part == "nd" ? &nd : nullptr;
    if (which == nullptr || *which) return {};
    *which = true;
    at = end + 1;
  }
  if (sa && nd) return {};
  std::string id = "CC";
  for (const auto& [is, name] : {std::pair{by, "-BY"}, std::pair{nc, "-NC"}, std::pair{nd, "-ND"}, std::pair{sa, "-SA"}}) {
    if (is) id += name;
  }
  if (version.empty()) return by ? "LicenseRef-" + id : std::string();
  if (!is_version(version)) return {};
  id += "-" + std::string(version);
  // Version 1.0 had licences without attribution, which but for one SPDX does not list.
  if (!by) return id == "CC-SA-1.0" ? id : version == "1.0" || version == "2.0" ? "LicenseRef-" + id : std::string();
  if (!country.empty()) {
    const std::string port = id + "-" + upper(country);
    if (std::find(std::begin(kPorts), std::end(kPorts), port) != std::end(kPorts)) return port;
  }
  return id;
}

std::string creative_commons_path(std::string_view path) {
  std::array<std::string_view, 4> part{};
  std::size_t count = 0;
  while (path.starts_with('/')) path.remove_prefix(1);
  for (std::size_t at = 0; at < path.size() && count < part.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    if (end > at) part[count++] = path.substr(at, end - at);
    at = end + 1;
  }
  if (part[0] == "publicdomain") {
    if (part[1] == "zero") return "CC0-1.0";
    if (part[1] == "mark") return "CC-PDM-1.0";
    if (part[1] == "certification") return "CC-PDDC";
    return {};
  }
  if (part[0] != "licenses" && part[0] != "l") return {};
  if (part[1] == "publicdomain") return "CC-PDDC";
  if (part[1] == "zero") return "CC0-1.0";
  // The country's part may be a file's name: deed.de, legalcode, 88x31.png.
  const std::string_view country = part[3].size() == 2 || part[3] == "igo" ? part[3] : std::string_view();
  return is_version(part[2]) ? creative_commons_id(part[1], part[2], country) : std::string();
}

std::string creative_commons_mark(std::string_view lower, std::size_t at, std::size_t& end) {
  std::string_view rest = lower.substr(at);
  if (rest.starts_with("cc0") || rest.starts_with("cc-0") || rest.starts_with("cc zero") || rest.starts_with("cc-zero") ||
      rest.starts_with("creative commons zero")) {
    const std::size_t length = rest.starts_with("cc0") ? 3 : rest.starts_with("cc-0") ? 4 : rest.starts_with("creative") ? 21 : 7;
    if (letter_at(lower, at + length) || (at + length < lower.size() && is_digit(lower[at + length]))) return {};
    end = at + length;
    std::size_t behind = end;
    if (take_version(lower, behind) == "1.0") end = behind;
    return "CC0-1.0";
  }
  const bool named = rest.starts_with("creative commons") || rest.starts_with("creative-commons");
  if (!named && !rest.starts_with("cc")) return {};
  std::size_t after = skip_joints(lower, at + (named ? 16 : 2));
  if (!named && after == at + 2 && !rest.starts_with("ccby")) return {};
  // "Creative Commons license: Attribution", "Creative Commons (CC BY 4.0)", "Creative Commons Lizenz Namensnennung".
  if (named) {
    for (const std::string_view word :
         {"-lizenz", "lizenz", "license", "licence", "licenza", "licencia", "licenc\xc3\xa9", "public"}) {
      if (lower.substr(after).starts_with(word)) after = skip_joints(lower, after + word.size());
    }
    while (after < lower.size() && (lower[after] == ':' || lower[after] == '(' || lower[after] == '"'))
      after = skip_joints(lower, after + 1);
    if (lower.substr(after).starts_with("cc")) after = skip_joints(lower, after + 2);
  }
  std::size_t stop = after;
  std::string parts = take_short_parts(lower, stop);
  if (parts.empty()) parts = take_words(lower, stop);
  if (parts.empty() || !parts.starts_with("by")) return {};
  if (letter_at(lower, stop)) return {};
  std::size_t behind = stop;
  std::string version = take_version(lower, behind);
  if (version.empty()) {
    // "(CC BY-SA) 4.0", "Attribution-ShareAlike (CC BY-SA 4.0)".
    std::size_t inner = skip_joints(lower, stop);
    if (inner < lower.size() && (lower[inner] == ')' || lower[inner] == '(')) {
      ++inner;
      if (lower.substr(inner).starts_with("cc")) {
        std::size_t again = skip_joints(lower, inner + 2);
        if (take_short_parts(lower, again) == parts) inner = again;
      }
      version = take_version(lower, inner);
      behind = inner;
    }
  }
  end = version.empty() ? stop : behind;
  return creative_commons_id(parts, version, {});
}

}  // namespace cairn::data
