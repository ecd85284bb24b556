#include "engine/data/filters/licence.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/characters.h"

namespace cairn::data {

namespace {

bool matches(std::string_view entry, std::string_view licence) {
  if (entry.ends_with('*')) return licence.starts_with(entry.substr(0, entry.size() - 1));
  return entry == licence;
}

// Calls fn(part) for each part of `text` between `separator`.
template <typename Fn>
void for_each_part(std::string_view text, std::string_view separator, Fn&& fn) {
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    fn(strip(text.substr(at, end - at)));
    at = end + separator.size();
  }
}

}  // namespace

bool LicenceFilter::allows(std::string_view expression) const {
  const std::string lower = lower_case_ascii(expression);
  bool any = false;
  for_each_part(lower, " or ", [&](std::string_view alternative) {
    bool all = true;
    for_each_part(alternative, " and ", [&](std::string_view licence) {
      all &= std::any_of(params_.allow.begin(), params_.allow.end(),
                         [&](const std::string& entry) { return matches(lower_case_ascii(entry), licence); });
    });
    any |= all;
  });
  return any;
}

Judgement LicenceFilter::judge(const Document& document, TextAnalysis&) const {
  if (allows(document.licence)) return keep();
  return drop("not_allowed",
              fmt::format("licence {} is not on the list", document.licence.empty() ? "unknown" : document.licence));
}

Variant LicenceFilter::variant() {
  return {"licence",
          {field("allow", list(string().min(1)).min(1), "SPDX identifiers; '*' at the end stands for any rest")},
          "keep documents whose licence is on a list"};
}

std::unique_ptr<Filter> LicenceFilter::make(const Config& config) {
  return std::make_unique<LicenceFilter>(LicenceParams{config.strings("allow")});
}

}  // namespace cairn::data
