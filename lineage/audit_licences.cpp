// The licences under which documents came in, and which of them are allowed.
#include <algorithm>

#include "base/error.h"
#include "lineage/audit.h"

namespace cairn::lineage {

namespace {

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& c : low) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return low;
}

template <typename Holds>
bool any_part(std::string_view text, std::string_view separator, Holds holds) {
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    if (holds(text.substr(at, end - at))) return true;
    at = end + separator.size();
  }
  return false;
}

bool listed(std::string_view licence, const std::vector<std::string>& allowed) {
  return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& entry) {
    const std::string low = lower(entry);
    return low.ends_with('*') ? licence.starts_with(std::string_view(low).substr(0, low.size() - 1)) : licence == low;
  });
}

bool is_allowed(const std::string& expression, const std::vector<std::string>& allowed) {
  return any_part(lower(expression), " or ", [&](std::string_view alternative) {
    return !any_part(alternative, " and ", [&](std::string_view licence) { return !listed(licence, allowed); });
  });
}

}  // namespace

void judge_licences(const std::vector<std::string>& allowed, AuditReport& report) {
  for (const auto& [licence, documents] : report.licences) {
    if (licence.empty()) {
      report.findings.push_back({.code = "LIN-0602",
                                 .severity = allowed.empty() ? Severity::warning : Severity::error,
                                 .object = "licences",
                                 .reason = fmt::format("{} documents came in without a stated licence", documents),
                                 .remedy = "name licence or licence_file of the source in the ingest step"});
    } else if (!allowed.empty() && !is_allowed(licence, allowed)) {
      report.findings.push_back({.code = "LIN-0601",
                                 .object = licence,
                                 .reason = fmt::format("{} documents came in under it, and it is not allowed", documents),
                                 .remedy = "drop them with the licence filter of curate, or allow it"});
    }
  }
}

}  // namespace cairn::lineage
