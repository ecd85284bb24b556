#include "engine/data/licences/licence_marks.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/licences/licence_names.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

constexpr std::size_t kMostValue = 160, kMostEvidence = 512, kMostScript = 256 << 10, kMostMarks = 8;
constexpr int kMostDepth = 12;
constexpr std::array<const char*, 10> kNames = {"header link", "rel=license", "meta", "json-ld", "microdata",
                                                "rdfa",        "spdx",        "link", "badge",   "text"};

std::string one_line(std::string_view value) {
  std::string text;
  for (const char c : value.substr(0, 4 * kMostValue)) {
    const bool space = static_cast<unsigned char>(c) <= ' ';
    if (!space)
      text += c;
    else if (!text.empty() && text.back() != ' ')
      text += ' ';
    if (text.size() >= kMostValue) break;
  }
  if (text::valid_utf8_prefix(text) != text.size()) text.resize(text::valid_utf8_prefix(text));
  return text;
}

// Members under which JSON-LD describes other things than the page.
bool of_something_else(const std::string& key) {
  constexpr std::string_view kOthers[] = {"image",
                                          "logo",
                                          "thumbnail",
                                          "photo",
                                          "video",
                                          "audio",
                                          "associatedMedia",
                                          "author",
                                          "publisher",
                                          "creator",
                                          "hasPart",
                                          "citation",
                                          "isBasedOn",
                                          "mentions",
                                          "encoding",
                                          "isPartOf",
                                          "primaryImageOfPage",
                                          "contributor",
                                          "sponsor",
                                          "review"};
  return std::find(std::begin(kOthers), std::end(kOthers), key) != std::end(kOthers);
}

bool is_media(const Json& object) {
  const auto media = [](const Json& type) {
    return type.is_string() && (type == "ImageObject" || type == "VideoObject" || type == "AudioObject" ||
                                type == "MusicRecording" || type == "Person" || type == "Organization");
  };
  const auto found = object.find("@type");
  if (found == object.end()) return false;
  return found->is_array() ? std::any_of(found->begin(), found->end(), media) : media(*found);
}

void add(std::vector<LicenceMark>& marks, LicenceMarkKind kind, const std::string& value) {
  const std::string licence = licence_of_value(value);
  if (!licence.empty() && marks.size() < kMostMarks) marks.push_back({kind, licence, value});
}

void take_values(const Json& value, std::vector<LicenceMark>& marks) {
  if (value.is_string()) return add(marks, LicenceMarkKind::json_ld, value.get<std::string>());
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size() && i < kMostMarks; ++i) take_values(value[i].is_array() ? Json() : value[i], marks);
  } else if (value.is_object()) {
    for (const char* key : {"@id", "url", "identifier", "name"}) {
      const auto found = value.find(key);
      if (found == value.end() || !found->is_string() || licence_of_value(found->get_ref<const std::string&>()).empty()) continue;
      return add(marks, LicenceMarkKind::json_ld, found->get<std::string>());
    }
  }
}

void walk(const Json& json, std::vector<LicenceMark>& marks, int depth) {
  if (depth > kMostDepth || marks.size() >= kMostMarks) return;
  if (json.is_array()) {
    for (const Json& entry : json) walk(entry, marks, depth + 1);
  } else if (json.is_object() && !is_media(json)) {
    for (const auto& [key, value] : json.items()) {
      if (key == "license" || key == "schema:license" || key == "cc:license" || key == "dct:license" ||
          key == "http://schema.org/license" || key == "https://schema.org/license")
        take_values(value, marks);
      else if (!of_something_else(key))
        walk(value, marks, depth + 1);
    }
  }
}

// "LicenseRef-CC-BY-SA" beside "CC-BY-SA-4.0" is the same licence named once without its version.
bool covered(const std::string& licence, const std::vector<std::string>& others) {
  constexpr std::string_view kVersionless = "LicenseRef-CC-";
  if (!licence.starts_with(kVersionless)) return false;
  const std::string begin = licence.substr(std::string_view("LicenseRef-").size()) + "-";
  return std::any_of(others.begin(), others.end(), [&](const std::string& other) {
    return other.starts_with(begin) && other.size() > begin.size() &&
           std::isdigit(static_cast<unsigned char>(other[begin.size()]));
  });
}

}  // namespace

const char* licence_mark_name(LicenceMarkKind kind) {
  return kNames[static_cast<std::size_t>(kind)];
}

std::optional<LicenceMarkKind> licence_mark_of(std::string_view evidence) {
  for (std::size_t kind = 0; kind < std::size(kNames); ++kind) {
    const std::string_view name = kNames[kind];
    if (evidence.starts_with(name) && evidence.substr(name.size()).starts_with(": ")) return static_cast<LicenceMarkKind>(kind);
  }
  return std::nullopt;
}

bool is_machine_readable(LicenceMarkKind kind) {
  return kind <= LicenceMarkKind::spdx;
}

FoundLicence licence_of_marks(const std::vector<LicenceMark>& marks) {
  const bool machine =
      std::any_of(marks.begin(), marks.end(), [](const LicenceMark& mark) { return is_machine_readable(mark.kind); });
  std::vector<std::string> licences;
  std::vector<const LicenceMark*> counted;
  for (const LicenceMark& mark : marks) {
    if (is_machine_readable(mark.kind) != machine) continue;
    if (std::find(licences.begin(), licences.end(), mark.licence) != licences.end()) continue;
    licences.push_back(mark.licence);
    counted.push_back(&mark);
  }
  FoundLicence found;
  for (std::size_t i = 0; i < licences.size(); ++i) {
    if (covered(licences[i], licences)) continue;
    const bool choice = licences.size() > 1 && licences[i].find(" OR ") != std::string::npos;
    found.licence +=
        fmt::format("{}{}{}{}", found.licence.empty() ? "" : " AND ", choice ? "(" : "", licences[i], choice ? ")" : "");
    if (found.evidence.size() < kMostEvidence)
      found.evidence += fmt::format("{}{}: {}", found.evidence.empty() ? "" : " | ", licence_mark_name(counted[i]->kind),
                                    one_line(counted[i]->value));
  }
  return found;
}

std::vector<LicenceMark> licences_of_json_ld(std::string_view script) {
  std::vector<LicenceMark> marks;
  if (script.size() > kMostScript || script.find("icense") == std::string_view::npos) return marks;
  try {
    walk(parse_json(script, "json-ld"), marks, 0);
  } catch (const Error&) {
    marks.clear();
  }
  return marks;
}

std::vector<LicenceMark> licences_of_link_header(std::string_view value) {
  std::vector<LicenceMark> marks;
  value = value.substr(0, 8192);
  for (std::size_t at = 0; (at = value.find('<', at)) != std::string_view::npos;) {
    const std::size_t close = value.find('>', at);
    if (close == std::string_view::npos) break;
    const std::string_view target = value.substr(at + 1, close - at - 1);
    // Parameters up to the comma before the next '<'.
    const std::size_t next = std::min(value.find('<', close), value.size());
    const std::string parameters = lower_case_ascii(value.substr(close + 1, next - close - 1));
    const std::size_t rel = parameters.find("rel=");
    if (rel != std::string::npos) {
      std::string_view relation = std::string_view(parameters).substr(rel + 4);
      relation = relation.starts_with('"') ? relation.substr(1, relation.find('"', 1) - 1)
                                           : relation.substr(0, relation.find_first_of(";, "));
      for (std::size_t word = 0; word < relation.size();) {
        const std::size_t end = std::min(relation.find(' ', word), relation.size());
        if (relation.substr(word, end - word) == "license") add(marks, LicenceMarkKind::header, std::string(target));
        word = end + 1;
      }
    }
    at = next;
  }
  return marks;
}

FoundLicence licence_of_text(std::string_view text) {
  std::vector<LicenceMark> marks;
  const auto scan = [&marks](std::string_view part) {
    for (const LicenceMention& mention : granted_licences(part)) {
      const std::string_view where = part.substr(mention.begin, mention.end - mention.begin);
      if (where.starts_with(kLinkBegin)) continue;  // which only read_page_marks() may write
      const bool spdx = lower_case_ascii(where.substr(0, 24)).starts_with("spdx-license-identifier:");
      if (marks.size() < kMostMarks)
        marks.push_back({spdx ? LicenceMarkKind::spdx : LicenceMarkKind::text, mention.licence, std::string(where)});
    }
  };
  if (text.size() <= 2 * kTextEnds) {
    scan(text);
  } else {
    scan(text.substr(0, kTextEnds));
    scan(text.substr(text.size() - kTextEnds));
  }
  return licence_of_marks(marks);
}

}  // namespace cairn::data
