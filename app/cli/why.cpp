// cairn why DOCUMENT: kept or dropped, by which filter and why, in which shard, and which checkpoints read it from which step on.
#include <set>

#include <fmt/format.h>

#include "app/cli/cli.h"
#include "app/cli/document_search.h"
#include "app/cli/layout.h"
#include "app/cli/readings.h"
#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "base/json.h"
#include "engine/data/document.h"

namespace cairn::app {
namespace {

std::string sentence(const Curation& curation, const data::Decision& d) {
  const std::string where = fmt::format("{} (run {})", curation.name, curation.run.id);
  if (d.verdict == data::Verdict::dropped) return fmt::format("dropped in {} by {}: {}", where, d.filter, d.reason);
  const std::string shard =
      fmt::format("{}/{}, document {}", output_role(d), data::DocumentWriter::shard_name(d.shard), d.ordinal);
  const std::string text = d.verdict == data::Verdict::kept ? fmt::format("kept in {}: {}", where, shard)
                                                            : fmt::format("held out of training in {}: {}", where, shard);
  return d.edited ? fmt::format("{}; edited by {}", text, d.reason) : text;
}

// Evidence can be a thousand places; --json has it whole.
std::string shortened(const std::string& evidence) {
  constexpr std::size_t kMost = 1500;
  if (evidence.size() <= kMost) return evidence;
  std::size_t end = kMost;
  while ((evidence[end] & '\xc0') == '\x80') --end;
  return fmt::format("{} ... ({} bytes; --json has it whole)", evidence.substr(0, end), evidence.size());
}

ExitCode why(Session& session, const std::string& text) {
  lineage::Workspace& workspace = session.workspace_for_reading();
  const DocumentSearch search(workspace);
  if (search.curations().empty() && search.left_out() > 0)
    fail("no curation of this workspace can be read, so nothing is known of documents; run its pipeline again");
  if (search.curations().empty()) fail("no curation has been run in this workspace, so nothing is known of documents");
  const std::vector<std::pair<const Curation*, data::Decision>> found = search.find(text);
  if (found.empty()) {
    if (session.json())
      print_json(Json::array());
    else
      print_wrapped(fmt::format("no curation of this workspace has seen a document '{}'", text));
    return ExitCode::failed;
  }
  std::set<std::pair<Digest, std::string>> documents;
  for (const auto& [curation, decision] : found) documents.emplace(decision.id, decision.url);
  const bool one = documents.size() == 1;

  const std::vector<Training> trainings = one ? trainings_of(workspace) : std::vector<Training>();
  Json list = Json::array();
  if (!session.json()) {
    if (one)
      print_wrapped(fmt::format("{}  {} of {}, {}", found[0].second.url,
                                std::string(data::kIdPrefix) + found[0].second.id.short_hex(), found[0].second.source,
                                found[0].second.language));
    else
      print_wrapped(fmt::format("{}{} documents are meant by '{}':",
                                documents.size() >= DocumentSearch::kMostFound ? "at least " : "", documents.size(), text));
  }
  for (const auto& [curation, d] : found) {
    if (session.json()) {
      Json& entry = list.emplace_back(decision_json(d));
      entry["run"] = curation->run.id;
      entry["step"] = curation->name;
    } else {
      print_wrapped((one ? std::string() : d.url + ": ") + sentence(*curation, d));
      if (one && !d.evidence.empty()) print_wrapped("  by " + shortened(d.evidence));
    }
  }
  Json readings = Json::array();
  bool stored = false;
  for (const Training& training : trainings) {
    const train::Reading reading =
        train::reading_of_document(training.read, training.shards, std::string(data::kIdPrefix) + documents.begin()->first.hex());
    if (reading.stored == 0) continue;
    stored = true;
    if (session.json()) {
      readings.push_back({{"checkpoint", training.label},
                          {"run", training.run.id},
                          {"first_step", reading.first_step ? Json(*reading.first_step) : Json(nullptr)}});
    } else if (reading.first_step) {
      print_wrapped(fmt::format("read by {} (run {}), first in step {} of {}", training.label, training.run.id,
                                *reading.first_step, training.read.steps()));
      for (const std::string& label : made_from(workspace.ledger(), training.checkpoint)) print_wrapped("  and so in " + label);
    } else {
      print_wrapped(fmt::format("packed for {} (run {}), but not read in its {} steps", training.label, training.run.id,
                                training.read.steps()));
    }
  }
  if (session.json())
    print_json({{"documents", list}, {"readings", readings}});
  else if (one && !stored && found[0].second.verdict == data::Verdict::kept)
    fmt::print("no checkpoint of this workspace has read it\n");
  return ExitCode::done;
}

}  // namespace

void add_why(CommandLine& line, Session& session) {
  auto document = std::make_shared<std::string>();
  line.verb("why", Phase::look, "why a document is, or is not, in the corpus, and which checkpoints read it")
      .positional(*document, "DOCUMENT", "its address or path, its beginning or end; or its id or the first letters of that")
      .example("cairn why de/ch02s01.html", "by the end of its address")
      .run([&session, document] { return why(session, *document); });
}

}  // namespace cairn::app
