// cairn show ARTIFACT: what it is, what made it, from what.
#include "app/cli/cli.h"
#include "app/cli/layout.h"
#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "base/format.h"
#include "base/json.h"
#include "lineage/workspace.h"

namespace cairn::app {
namespace {

constexpr std::size_t kFilesShown = 12;
constexpr int kKeyColumns = 11;  // the key and a space

void print_pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  for (const auto& [key, value] : pairs) fmt::print("{:<10} {}\n", key, value);
}

void print_run(const lineage::Ledger& ledger, const lineage::Run& run) {
  print_pairs(
      {{"made by", fmt::format("run {}, step {} version {}, {}", run.id, run.op, run.op_version, format_time(run.started))},
       {"took", format_duration(static_cast<double>(run.ended - run.started) * 1e-6)},
       {"seed", std::to_string(run.seed)},
       {"config", wrap(run.config, terminal_width(), kKeyColumns)}});
  if (!run.note.empty()) print_pairs({{"summary", run.note}});
  for (const lineage::RunInput& input : run.inputs) {
    const lineage::Artifact artifact = ledger.artifact(input.artifact);
    print_pairs({{"from", fmt::format("{} = {} ({}, {})", input.role, artifact_label(ledger, input.artifact), artifact.kind,
                                      format_bytes(artifact.bytes))}});
  }
}

ExitCode show(Session& session, const std::string& text) {
  lineage::Workspace& workspace = session.workspace_for_reading();
  const lineage::Ledger& ledger = workspace.ledger();
  const lineage::Artifact artifact = ledger.resolve(text);
  const std::optional<lineage::Run> run = ledger.producer(artifact.id);
  const std::vector<lineage::TreeEntry> files =
      artifact.is_tree ? ledger.tree_entries(artifact.id) : std::vector<lineage::TreeEntry>{};
  const std::string path = workspace.path_of(artifact.id).string();
  if (session.json()) {
    Json json = artifact_json(ledger, artifact);
    json["path"] = path;
    json["run"] = run ? run_json(ledger, *run) : Json(nullptr);
    json["files"] = Json::array();
    for (const lineage::TreeEntry& file : files)
      json["files"].push_back({{"path", file.path}, {"bytes", file.bytes}, {"digest", "sha256:" + file.digest.hex()}});
    print_json(json);
    return ExitCode::done;
  }
  print_pairs(
      {{"artifact", artifact_label(ledger, artifact.id)},
       {"digest", "sha256:" + artifact.digest.hex()},
       {"kind", artifact.kind},
       {"size", fmt::format("{}, {} {}", format_bytes(artifact.bytes), artifact.items, artifact.items == 1 ? "item" : "items")},
       {"trust", lineage::trust_name(ledger.trust(artifact.id))},
       {"path", path}});
  if (artifact.meta != "{}") print_pairs({{"facts", wrap(artifact.meta, terminal_width(), kKeyColumns)}});
  if (run) print_run(ledger, *run);
  for (std::size_t i = 0; i < files.size() && i < kFilesShown; ++i) {
    fmt::print("{:<10} {}  {}  {}\n", i == 0 ? "files" : "", files[i].digest.short_hex(), files[i].path,
               format_bytes(files[i].bytes));
  }
  if (files.size() > kFilesShown) fmt::print("{:<10} and {} more\n", "", files.size() - kFilesShown);
  return ExitCode::done;
}

}  // namespace

void add_show(CommandLine& line, Session& session) {
  auto artifact = std::make_shared<std::string>();
  line.verb("show", Phase::look, "what an artifact is, what made it and from what")
      .positional(*artifact, "ARTIFACT", "a name (base, base@3, clean.report), or a digest's first letters")
      .run([&session, artifact] { return show(session, *artifact); });
}

}  // namespace cairn::app
