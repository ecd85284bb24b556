// cairn audit [PATH]: checks every hash, edge, name and signature of a workspace, or of a release folder anywhere.
#include "lineage/audit.h"

#include "app/cli/cli.h"
#include "app/cli/verbs.h"
#include "base/json.h"

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

lineage::AuditReport examine(Session& session, const AuditOptions& options) {
  const fs::path path = options.path.empty() ? session.workspace_for_reading().folder() : fs::path(options.path);
  if (!fs::is_directory(path)) fail_usage("{}: expected the folder of a workspace or of a release", path.string());
  Progress progress("audit", "bytes", session.progress_style());
  const lineage::AuditOptions how{
      .threads = &session.threads(), .progress = &progress, .allowed_licences = options.licences, .policy = {}};
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
