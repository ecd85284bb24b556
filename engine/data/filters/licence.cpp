#include "engine/data/filters/licence.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/licences/licence_marks.h"
#include "engine/data/public_suffix.h"
#include "engine/data/robots/robots.h"

namespace cairn::data {

namespace {

constexpr std::string_view kUnknown = "unknown";
constexpr int kMostDepth = 32;

bool any_matches(const std::vector<std::string>& entries, std::string_view licence) {
  return std::any_of(entries.begin(), entries.end(),
                     [licence](const std::string& entry) { return robots_match(lower_case_ascii(entry) + "$", licence); });
}

// Splits `text` at `separator` where no parenthesis is open.
std::vector<std::string_view> parts_of(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    depth += text[at] == '(' ? 1 : text[at] == ')' ? -1 : 0;
    if (depth == 0 && text.substr(at).starts_with(separator)) {
      parts.push_back(strip(text.substr(begin, at - begin)));
      begin = at + separator.size();
      at = begin - 1;
    }
  }
  parts.push_back(strip(text.substr(begin)));
  return parts;
}

// `lower` in lower case. Whether what `allowed` says of single licences allows the whole.
template <typename Allowed>
bool evaluate(std::string_view lower, const Allowed& allowed, int depth) {
  if (depth > kMostDepth) return false;
  lower = strip(lower);
  const std::vector<std::string_view> alternatives = parts_of(lower, " or ");
  if (alternatives.size() > 1)
    return std::any_of(alternatives.begin(), alternatives.end(),
                       [&](std::string_view part) { return evaluate(part, allowed, depth + 1); });
  const std::vector<std::string_view> all = parts_of(lower, " and ");
  if (all.size() > 1)
    return std::all_of(all.begin(), all.end(), [&](std::string_view part) { return evaluate(part, allowed, depth + 1); });
  if (lower.starts_with('(') && lower.ends_with(')')) return evaluate(lower.substr(1, lower.size() - 2), allowed, depth + 1);
  return allowed(lower);
}

bool is_declared(std::string_view evidence) {
  return evidence.empty() || evidence.starts_with("declared for ");
}

bool is_by_machine_readable_mark(std::string_view evidence) {
  const std::optional<LicenceMarkKind> kind = licence_mark_of(evidence);
  return kind && is_machine_readable(*kind);
}

}  // namespace

LicenceFilter::LicenceFilter(LicenceParams params) : params_(std::move(params)) {}

bool LicenceFilter::allows(std::string_view expression) const {
  return evaluate(
      lower_case_ascii(expression),
      [this](std::string_view licence) {
        const std::string_view plain = licence.substr(0, licence.find(" with "));
        const auto on = [&](const std::vector<std::string>& list) {
          return any_matches(list, licence) || any_matches(list, plain);
        };
        return !on(params_.deny) && (params_.allow.empty() || on(params_.allow));
      },
      0);
}

LicenceFilter::Standing LicenceFilter::standing_of(const Document& document) const {
  if (!params_.declared.empty()) {
    if (const auto of_source = params_.declared.find(document.source); of_source != params_.declared.end())
      return {of_source->second, "declared for " + of_source->first};
    // The host and each domain above it.
    const std::string host = canonical_host(document.url);
    for (std::size_t at = 0; at < host.size();) {
      if (const auto found = params_.declared.find(host.substr(at)); found != params_.declared.end())
        return {found->second, "declared for " + found->first};
      const std::size_t dot = host.find('.', at);
      if (dot == std::string::npos) break;
      at = dot + 1;
    }
  }
  if (!document.licence.empty() && document.licence != kUnknown) {
    const bool counts =
        params_.trust == LicenceParams::Trust::any || is_declared(document.licence_evidence) ||
        (params_.trust == LicenceParams::Trust::machine_readable && is_by_machine_readable_mark(document.licence_evidence));
    if (counts) return {document.licence, document.licence_evidence};
  } else if (params_.from_text && params_.trust != LicenceParams::Trust::declared) {
    const FoundLicence found = licence_of_text(document.text);
    if (!found.licence.empty() && (params_.trust == LicenceParams::Trust::any || is_by_machine_readable_mark(found.evidence)))
      return {found.licence, found.evidence};
  }
  return {std::string(kUnknown), ""};
}

Judgement LicenceFilter::judge(const Document& document, TextAnalysis&) const {
  Standing standing = standing_of(document);
  Judgement judgement = keep();
  if (standing.licence == kUnknown) {
    // A list may name it: "unknown".
    const bool listed = !params_.allow.empty() && any_matches(params_.allow, kUnknown);
    if (!params_.keep_unknown && !listed) {
      const bool doubted = !document.licence.empty() && document.licence != kUnknown;
      judgement = drop("unknown", doubted ? fmt::format("licence {} is by a mark that does not count: {}", document.licence,
                                                        document.licence_evidence)
                                          : "licence unknown");
    }
    return judgement;
  }
  if (!allows(standing.licence)) {
    const bool denied = params_.allow.empty() || any_matches(params_.deny, lower_case_ascii(standing.licence));
    judgement = drop(denied ? "denied" : "not_allowed", denied ? fmt::format("licence {} is denied", standing.licence)
                                                               : fmt::format("licence {} is not on the list", standing.licence));
  }
  judgement.evidence = standing.licence;
  if (!standing.evidence.empty()) judgement.evidence += (is_declared(standing.evidence) ? " " : " by ") + standing.evidence;
  if (standing.licence != document.licence) {
    judgement.licence = std::move(standing.licence);
    judgement.licence_evidence = std::move(standing.evidence);
  }
  return judgement;
}

Variant LicenceFilter::variant() {
  return {"licence",
          {field("allow", list(string().min(1)).def(Json::array()),
                 "SPDX identifiers; '*' stands for anything; empty: every licence that is known"),
           field("deny", list(string().min(1)).def(Json::array()), "likewise, before allow: *-NC-*"),
           field("unknown", string().one_of({"drop", "keep"}).def("drop"), "documents without a licence that counts"),
           field("declared", map(string().min(1)).def(Json::object()),
                 "by source, or by a domain with all below it: the licence, whatever pages say"),
           field("trust", string().one_of({"any", "machine-readable", "declared"}).def("any"),
                 "which evidence counts: any mark; none but rel=license, metadata and the like; or what is declared or stated by "
                 "the data set"),
           field("from_text", boolean().def(false), "where a licence is unknown, look for marks in the document's text")},
          "keep documents whose licence is allowed"};
}

std::unique_ptr<Filter> LicenceFilter::make(const Config& config) {
  LicenceParams p;
  p.allow = config.strings("allow");
  p.deny = config.strings("deny");
  p.keep_unknown = config.string("unknown") == "keep";
  for (const auto& [name, licence] : config.json("declared").items()) {
    p.declared[name] = licence.get<std::string>();
  }
  const std::string trust = config.string("trust");
  p.trust = trust == "any"        ? LicenceParams::Trust::any
            : trust == "declared" ? LicenceParams::Trust::declared
                                  : LicenceParams::Trust::machine_readable;
  p.from_text = config.boolean("from_text");
  return std::make_unique<LicenceFilter>(std::move(p));
}

}  // namespace cairn::data
