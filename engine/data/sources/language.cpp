#include "engine/data/sources/language.h"

#include <algorithm>
#include <array>
#include <regex>

#include "base/error.h"
#include "engine/data/characters.h"

namespace cairn::data {

namespace {

// Languages whose usual region is not called as they are (from CLDR's likely subtags; those that are, as de-DE, need no entry).
constexpr std::array<std::array<std::string_view, 2>, 22> kUsualRegion{{
    {"en", "us"}, {"ja", "jp"}, {"ko", "kr"}, {"sv", "se"}, {"da", "dk"}, {"nb", "no"}, {"nn", "no"}, {"cs", "cz"},
    {"el", "gr"}, {"uk", "ua"}, {"vi", "vn"}, {"fa", "ir"}, {"ca", "es"}, {"gl", "es"}, {"eu", "es"}, {"he", "il"},
    {"hi", "in"}, {"sl", "si"}, {"et", "ee"}, {"sq", "al"}, {"ka", "ge"}, {"ar", "eg"},
}};

}  // namespace

std::string normal_language(std::string_view declared) {
  std::string tag = lower_case_ascii(strip(declared.substr(0, 64)));
  tag.resize(std::min(tag.find_first_of(".@,; "), tag.size()));
  std::replace(tag.begin(), tag.end(), '_', '-');
  const std::size_t dash = std::min(tag.find('-'), tag.size());
  const bool well_formed =
      dash >= 2 && dash <= 3 && tag.size() <= 35 && tag.back() != '-' &&
      std::all_of(tag.begin(), tag.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  if (!well_formed) return "und";
  if (dash < tag.size()) {
    const std::string_view language = std::string_view(tag).substr(0, dash), region = std::string_view(tag).substr(dash + 1);
    const bool usual = region == language || std::any_of(kUsualRegion.begin(), kUsualRegion.end(), [&](const auto& entry) {
                         return entry[0] == language && entry[1] == region;
                       });
    if (usual) tag.resize(dash);
  }
  return tag;
}

struct LanguageRule::State {
  std::regex pattern;
};

LanguageRule::LanguageRule(const std::string& pattern) : state_(std::make_unique<State>()) {
  try {
    state_->pattern = std::regex(pattern, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    fail_usage("language_from: '{}' is not a regular expression: {}", pattern, error.what());
  }
  if (state_->pattern.mark_count() == 0) fail_usage("language_from: '{}' has no group for the language", pattern);
}
LanguageRule::~LanguageRule() = default;

std::string LanguageRule::language_of(const std::string& path) const {
  std::smatch match;
  if (path.size() > 4096 || !std::regex_search(path, match, state_->pattern)) return {};
  return normal_language(match[1].str());
}

}  // namespace cairn::data
