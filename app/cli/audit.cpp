// cairn audit [PATH]: checks every hash, edge, name and signature of a workspace, or of a release folder anywhere.
#include "lineage/audit.h"

#include <fmt/format.h>

#include "app/cli/cli.h"
#include "app/cli/readings.h"
#include "app/cli/verbs.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/data/optout.h"

namespace cairn::app {
namespace {

struct AuditOptions {
  std::string path;
  std::vector<std::string> trusted, licences;
};

std::vector<lineage::PublicKey> read_keys(const std::vector<std::string>& paths) {
  std::vector<lineage::PublicKey> keys;
  for (const std::string& path : paths) keys.push_back(lineage::PublicKey::from_pem(read_file(path), path));
  return keys;
}

// LIN-0611 for each training that read documents of those who opted out: an error when it began after the request had come, else
// a warning, for what was learned stays in the checkpoints.
std::vector<lineage::Finding> find_opted_out(lineage::Workspace& workspace) {
  std::vector<lineage::Finding> findings;
  const std::vector<data::OptOut> entries = data::read_optouts(workspace.folder() / "optout");
  if (entries.empty()) return findings;
  const std::vector<Training> trainings = trainings_of(workspace);
  for (const std::string& source : workspace.ledger().sources()) {
    for (const data::OptOut& entry : entries) {
      if (!data::covers(entry, source)) continue;
      for (const Training& training : trainings) {
        const train::Reading reading = train::reading_of_source(training.read, training.shards, source);
        if (reading.read == 0) continue;
        const bool after = format_iso8601(training.run.started).substr(0, 10) > entry.received;
        std::string reached = training.label;
        for (const std::string& label : made_from(workspace.ledger(), training.checkpoint)) reached += ", " + label;
        findings.push_back(
            {.code = "LIN-0611",
             .severity = after ? lineage::Severity::error : lineage::Severity::warning,
             .object = reached,
             .reason = fmt::format("{} documents of {} were read, the first in step {}; {} opted out, received {}{}",
                                   reading.read, source, reading.first_step.value_or(0), entry.name, entry.received,
                                   after ? ", before the training began" : ""),
             .remedy = "curate with the filter optout and train anew, or say so in the release"});
      }
    }
  }
  return findings;
}

lineage::AuditReport examine(Session& session, const AuditOptions& options) {
  const fs::path path = options.path.empty() ? session.workspace_for_reading().folder() : fs::path(options.path);
  if (!fs::is_directory(path)) fail_usage("{}: expected the folder of a workspace or of a release", path.string());
  Progress progress("audit", "bytes", session.progress_style());
  const lineage::AuditOptions how{
      .threads = &session.threads(), .progress = &progress, .allowed_licences = options.licences, .policy = find_opted_out};
  if (!fs::exists(path / "cairn.json")) return lineage::audit_release(path, read_keys(options.trusted), how);
  lineage::Workspace workspace = lineage::Workspace::open_read_only(real_disk(), path);
  return lineage::audit_workspace(workspace, how);
}

}  // namespace

void add_audit(CommandLine& line, Session& session) {
  auto options = std::make_shared<AuditOptions>();
  line.verb("audit", Phase::prove, "check everything that is recorded: hashes, history, signatures")
      .optional_positional(options->path, "PATH", "a workspace or a release folder (default: this workspace)")
      .option(options->trusted, "--trust-key", "FILE", "of a release: a public key (PEM) that may have signed it")
      .option(options->licences, "--allow-licence", "SPDX",
              "licences that documents may have come in under; '*' at the end: any rest")
      .example("cairn audit release/", "works anywhere, without the workspace; exit code 1 when anything does not hold")
      .run([&session, options] {
        const lineage::AuditReport report = examine(session, *options);
        if (session.json()) {
          print_json(report.to_json());
        } else {
          fmt::print("{}", report.to_text());
        }
        return report.holds() ? ExitCode::done : ExitCode::failed;
      });
}

}  // namespace cairn::app
