// cairn card DATASET: the data card of documents, from what the ledger knows of the runs that made them, and Croissant metadata.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "app/cli/cli.h"
#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/data/dataset_card.h"
#include "engine/data/describe.h"
#include "engine/data/optout.h"
#include "lineage/workspace.h"

namespace cairn::app {
namespace {

struct Options {
  std::string dataset, out, name, description, url, creator, version = "1.0.0";
};

// The report that a run wrote; null when it wrote none, or its copy is gone.
Json report_of(lineage::Workspace& workspace, const lineage::Run& run) {
  for (const lineage::RunOutput& output : run.outputs) {
    if (workspace.ledger().artifact(output.artifact).kind != "report") continue;
    try {
      const fs::path path = workspace.path_of(output.artifact);
      return read_json(fs::is_directory(path) ? path / "report.json" : path);
    } catch (const Error&) {
      return nullptr;
    }
  }
  return nullptr;
}

// What a run is called by what it made: "clean" for clean.documents; else its step.
std::string name_of(const lineage::Ledger& ledger, const lineage::Run& run) {
  for (const lineage::RunOutput& output : run.outputs) {
    const std::string label = artifact_label(ledger, output.artifact);
    const std::size_t dot = label.rfind("." + output.role);
    if (dot != std::string::npos) return label.substr(0, dot);
    if (label.find('@') != std::string::npos) return label.substr(0, label.find('@'));
  }
  return run.op;
}

// The runs that an artifact comes from, its own among them, and what came from outside.
void add_history(lineage::Workspace& workspace, lineage::ArtifactId dataset, data::DatasetFacts& facts) {
  const lineage::Ledger& ledger = workspace.ledger();
  std::map<lineage::RunId, lineage::Run> runs;
  std::vector<lineage::ArtifactId> artifacts{dataset};
  for (const lineage::Ledger::Step& step : ledger.upstream(dataset)) artifacts.push_back(step.artifact);
  for (const lineage::ArtifactId id : artifacts) {
    // All that made it: a curation that changed nothing has its input for its output.
    const std::vector<lineage::Run> made = ledger.producers(id);
    for (const lineage::Run& run : made) {
      if (!run.reproduction_of) runs.emplace(run.id, run);
    }
    if (made.empty() && id != dataset) {
      const lineage::Artifact artifact = ledger.artifact(id);
      const std::vector<std::string> places = ledger.locations(id);
      std::string name = places.empty() ? artifact.digest.short_hex() : places.front();
      name.erase(0, name.rfind('/') + 1);
      facts.origins.push_back({name, artifact.kind, lineage::trust_name(ledger.trust(id)), artifact.digest, artifact.bytes});
    }
  }
  for (const auto& [id, run] : runs) {
    facts.steps.push_back({run.id, name_of(ledger, run), run.op, run.op_version, format_iso8601(run.started), run.note,
                           parse_json(run.config, "config"), run.seed, report_of(workspace, run)});
  }
}

// Of a run of describe on these documents, the newest; else counted now, without tokens.
Json statistics_of(Session& session, lineage::Workspace& workspace, const lineage::Artifact& dataset) {
  const lineage::Ledger& ledger = workspace.ledger();
  for (const lineage::Run& run : ledger.runs()) {
    if (run.op != data::kDescribe.name || run.state != lineage::RunState::done) continue;
    const bool of_it = std::any_of(run.inputs.begin(), run.inputs.end(), [&](const lineage::RunInput& input) {
      return input.role == "documents" && input.artifact == dataset.id;
    });
    if (of_it) return read_json(workspace.path_of(run.outputs.front().artifact));
  }
  return data::count_documents(workspace.path_of(dataset.id), nullptr, nullptr, session.threads(),
                               [&](std::size_t) { session.stop().throw_if_requested(); })
      .json(1000);
}

data::DatasetFacts facts_of(Session& session, const Options& options) {
  lineage::Workspace& workspace = session.workspace_for_reading();
  const lineage::Ledger& ledger = workspace.ledger();
  const lineage::Artifact dataset = ledger.resolve(options.dataset);
  if (dataset.kind != "documents" || !dataset.is_tree)
    fail_usage("card: '{}' is {}; a card is made of documents", options.dataset, dataset.kind);
  data::DatasetFacts facts;
  facts.name = options.name.empty() ? artifact_label(ledger, dataset.id) : options.name;
  facts.description = options.description;
  facts.url = options.url;
  facts.creator = options.creator;
  facts.version = options.version;
  facts.digest = dataset.digest;
  facts.made = format_iso8601(dataset.created);
  for (const lineage::TreeEntry& entry : ledger.tree_entries(dataset.id))
    facts.files.push_back({entry.path, entry.bytes, entry.digest});
  facts.statistics = statistics_of(session, workspace, dataset);
  add_history(workspace, dataset.id, facts);
  for (const data::OptOut& entry : data::read_optouts(workspace.folder() / "optout"))
    facts.opt_outs.push_back({entry.name, entry.received});
  return facts;
}

ExitCode card(Session& session, const Options& options) {
  const data::DatasetFacts facts = facts_of(session, options);
  if (options.out.empty()) {
    if (session.json())
      print_json(data::croissant_json(facts));
    else
      fmt::print("{}", data::dataset_card_markdown(facts));
    return ExitCode::done;
  }
  const fs::path folder = options.out;
  Disk& disk = real_disk();
  disk.make_directories(folder);
  write_file_atomically(disk, folder / "README.md", data::dataset_card_markdown(facts));
  write_file_atomically(disk, folder / "card.html", data::dataset_card_html(facts));
  write_file_atomically(disk, folder / "croissant.json", pretty_json(data::croissant_json(facts)));
  write_file_atomically(disk, folder / "statistics.json", pretty_json(facts.statistics));
  if (session.json())
    print_json(
        {{"folder", options.out}, {"digest", facts.digest.hex()}, {"documents", facts.statistics.at("total").at("documents")}});
  else
    fmt::print("{}: README.md, card.html, croissant.json, statistics.json of {} documents\n", options.out,
               facts.statistics.at("total").at("documents").get<std::int64_t>());
  return ExitCode::done;
}

}  // namespace

void add_card(CommandLine& line, Session& session) {
  auto options = std::make_shared<Options>();
  line.verb("card", Phase::prove, "the data card of documents, and Croissant metadata, from what the ledger knows")
      .positional(options->dataset, "DATASET", "documents: a name (clean.documents, mix.base), or a digest's first letters")
      .option(options->out, "--out", "FOLDER",
              "writes README.md, card.html, croissant.json, statistics.json; default: prints the card")
      .option(options->name, "--name", "TEXT", "of the dataset (default: the artifact's)")
      .option(options->description, "--description", "TEXT", "what it is, in a sentence")
      .option(options->url, "--url", "URL", "where it will be found (default: urn:sha256:...)")
      .option(options->creator, "--creator", "NAME", "who publishes it")
      .option(options->version, "--dataset-version", "X.Y.Z", "of the dataset (default: 1.0.0)")
      .example("cairn card clean.documents --out card --name 'Notes' --url https://example.org/notes", "for publishing it")
      .run([&session, options] { return card(session, *options); });
}

}  // namespace cairn::app
