#include <fmt/core.h>
#include <algorithm>

#include "base/format.h"
#include "base/json.h"
#include "lineage/audit.h"

namespace cairn::lineage {

const char* severity_name(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "";
}

bool AuditReport::holds() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& finding) { return finding.severity == Severity::error; });
}

Json AuditReport::to_json() const {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    Json json{{"code", finding.code},
              {"severity", severity_name(finding.severity)},
              {"object", finding.object},
              {"reason", finding.reason},
              {"remedy", finding.remedy}};
    if (finding.offset) json["offset"] = *finding.offset;
    list.push_back(std::move(json));
  }
  return {{"subject", subject},
          {"holds", holds()},
          {"findings", std::move(list)},
          {"files", files},
          {"bytes", bytes},
          {"artifacts", artifacts},
          {"runs", runs},
          {"journal_entries", journal_entries},
          {"key", key_id},
          {"licences", licences}};
}

std::string AuditReport::to_text() const {
  std::string text;
  for (const Finding& finding : findings) {
    text += fmt::format("{} {}: {}: {}\n", finding.code, severity_name(finding.severity), finding.object, finding.reason);
    if (!finding.remedy.empty()) text += fmt::format("         {}\n", finding.remedy);
  }
  const auto errors =
      std::count_if(findings.begin(), findings.end(), [](const Finding& f) { return f.severity == Severity::error; });
  for (const auto& [licence, documents] : licences) {
    text += fmt::format("{} documents came in under {}\n", documents, licence.empty() ? "no stated licence" : licence);
  }
  text += fmt::format("{}: {} files, {}, {} runs", subject, files, format_bytes(bytes), runs);
  if (journal_entries > 0) text += fmt::format(", {} journal entries", journal_entries);
  return text + (errors == 0 ? ": OK\n" : fmt::format(": {} {}\n", errors, errors == 1 ? "error" : "errors"));
}

}  // namespace cairn::lineage
