#include "app/cli/document_search.h"

#include <functional>

#include <fmt/format.h>

#include "app/cli/report.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/data/document.h"

namespace cairn::app {
namespace {

bool is_hex(const std::string& text) {
  return text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// In order of how surely each means one document.
using Search = std::function<std::vector<std::size_t>(const data::Decisions&)>;
std::vector<Search> searches_for(const std::string& text) {
  constexpr std::size_t most = DocumentSearch::kMostFound;
  std::string id = text.starts_with(data::kIdPrefix) ? text.substr(data::kIdPrefix.size()) : text;
  std::vector<Search> searches;
  searches.push_back([text](const data::Decisions& d) { return d.by_url(text, true, most); });
  if (id.size() >= 6 && is_hex(id)) searches.push_back([id](const data::Decisions& d) { return d.by_id(id, most); });
  searches.push_back([text](const data::Decisions& d) { return d.by_url_suffix(text, most); });
  searches.push_back([text](const data::Decisions& d) { return d.by_url(text, false, most); });
  return searches;
}

}  // namespace

std::vector<Curation> curations_of(lineage::Workspace& workspace, std::size_t* left_out) {
  const lineage::Ledger& ledger = workspace.ledger();
  std::vector<Curation> curations;
  for (const lineage::Run& run : ledger.runs()) {
    if (run.state != lineage::RunState::done || run.reproduction_of) continue;
    for (const lineage::RunOutput& output : run.outputs) {
      if (ledger.artifact(output.artifact).kind != "decisions") continue;
      const std::string label = artifact_label(ledger, output.artifact);
      const std::size_t dot = label.find(".decisions");
      try {
        curations.push_back(
            {run, dot == std::string::npos ? run.op : label.substr(0, dot), data::Decisions(workspace.path_of(output.artifact))});
      } catch (const Error& error) {
        log_warning(fmt::format("run {} is left out: {}", run.id, error.what()));
        if (left_out != nullptr) ++*left_out;
      }
    }
  }
  return curations;
}

Json decision_json(const data::Decision& d) {
  return {{"url", d.url},
          {"id", std::string(data::kIdPrefix) + d.id.hex()},
          {"source", d.source},
          {"language", d.language},
          {"verdict", data::verdict_name(d.verdict)},
          {"filter", d.filter},
          {"rule", d.rule},
          {"reason", d.reason},
          {"evidence", d.evidence},
          {"edited", d.edited},
          {"duplicate_of", d.duplicate_of ? Json(std::string(data::kIdPrefix) + d.duplicate_of->hex()) : Json(nullptr)}};
}

std::vector<std::pair<const Curation*, data::Decision>> DocumentSearch::find(const std::string& text) const {
  std::vector<std::pair<const Curation*, data::Decision>> found;
  for (const Search& search : searches_for(text)) {
    for (const Curation& curation : curations_) {
      for (const std::size_t index : search(curation.decisions)) found.emplace_back(&curation, curation.decisions.at(index));
    }
    if (!found.empty()) break;
  }
  return found;
}

std::string DocumentSearch::address_of(const lineage::DocumentKey& key) const {
  for (const Curation& curation : curations_) {
    for (const std::size_t index : curation.decisions.by_id(to_hex(key), 1)) return curation.decisions.at(index).url;
  }
  return "";
}

}  // namespace cairn::app
