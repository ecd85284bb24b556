// cairn when DOCUMENT: every step that read it, of one training or of all.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "app/cli/cli.h"
#include "app/cli/document_search.h"
#include "app/cli/layout.h"
#include "app/cli/readings.h"
#include "app/cli/verbs.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/data/document.h"

namespace cairn::app {
namespace {

constexpr std::size_t kStepsShown = 20;

// The id of the one document that `text` means; where no curation knows it, `text` is taken for an id as its docmap has it.
std::string document_id_of(const DocumentSearch& search, const std::string& text) {
  std::set<std::string> ids, addresses;
  for (const auto& [curation, decision] : search.find(text)) {
    ids.insert(std::string(data::kIdPrefix) + decision.id.hex());
    addresses.insert(decision.url);
  }
  if (ids.size() > 1) {
    fail_usage("{}{} documents are meant by '{}', one is '{}'; cairn why tells of all",
               ids.size() >= DocumentSearch::kMostFound ? "at least " : "", ids.size(), text, *addresses.begin());
  }
  return ids.empty() ? text : *ids.begin();
}

// "steps 3 (rows 0, 5), 17 (row 2)"
std::string list_of(const std::vector<train::ReadEvent>& events) {
  std::string list;
  std::size_t steps = 0;
  for (std::size_t i = 0; i < events.size();) {
    if (steps++ == kStepsShown) return list + ", ...";
    std::size_t end = i;
    std::string rows;
    for (; end < events.size() && events[end].step == events[i].step; ++end)
      rows += fmt::format("{}{}", rows.empty() ? "" : ", ", events[end].row);
    list += fmt::format("{}{} (row{} {})", list.empty() ? "" : ", ", events[i].step, end - i > 1 ? "s" : "", rows);
    i = end;
  }
  return list;
}

ExitCode when(Session& session, const std::string& text, const std::string& run) {
  lineage::Workspace& workspace = session.workspace_for_reading();
  const DocumentSearch search(workspace);
  const std::string id = document_id_of(search, text);
  std::vector<Training> trainings;
  if (run.empty())
    trainings = trainings_of(workspace);
  else
    trainings.push_back(training_of(workspace, run));

  Json list = Json::array();
  bool read = false;
  for (const Training& training : trainings) {
    if (train::reading_of_document(training.read, training.shards, id).stored == 0) continue;
    const std::vector<train::ReadEvent> events = train::events_of_document(training.read, training.shards, id);
    read = read || !events.empty();
    if (session.json()) {
      Json json = Json::array();
      for (const train::ReadEvent& event : events) json.push_back({{"step", event.step}, {"row", event.row}});
      list.push_back({{"training", training.label}, {"run", training.run.id}, {"steps", training.read.steps()}, {"reads", json}});
      continue;
    }
    const char* verb = training.checkpoint != 0 ? "read" : "to be read";
    if (events.empty()) {
      print_wrapped(fmt::format("{} (run {}): packed for it, but not {} in its {} steps", training.label, training.run.id, verb,
                                training.read.steps()));
    } else {
      print_wrapped(fmt::format("{} (run {}): {} in {} row{}, of {} steps: {}", training.label, training.run.id, verb,
                                events.size(), events.size() == 1 ? "" : "s", training.read.steps(), list_of(events)));
    }
  }
  if (session.json())
    print_json({{"document", id}, {"trainings", list}});
  else if (trainings.empty())
    fmt::print("no training of this workspace is recorded yet\n");
  else if (!read)
    print_wrapped(fmt::format("no training {}has read '{}'", run.empty() ? "of this workspace " : "named here ", text));
  return read ? ExitCode::done : ExitCode::failed;
}

}  // namespace

void add_when(CommandLine& line, Session& session) {
  struct Options {
    std::string document, run;
  };
  auto options = std::make_shared<Options>();
  line.verb("when", Phase::look, "the training steps that read a document")
      .positional(options->document, "DOCUMENT",
                  "its address or path, its beginning or end; or its id or the first letters of that")
      .option(options->run, "--run", "RUN",
              "only this training: a checkpoint or a run, also one under way (default: all that are done)")
      .example("cairn when de/ch02s01.html --run base", "the steps and rows of base that held tokens of it")
      .run([&session, options] { return when(session, options->document, options->run); });
}

}  // namespace cairn::app
