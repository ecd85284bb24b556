// cairn adopt PATH: takes what exists into the ledger, in place.
#include "engine/steps/adopt.h"
#include "app/cli/cli.h"
#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "base/format.h"
#include "base/json.h"
#include "lineage/workspace.h"

namespace cairn::app {
namespace {

struct AdoptOptions {
  std::string path, kind, name, trust, claim;
  std::vector<std::string> globs;
};

lineage::Trust parse_trust(const AdoptOptions& options) {
  if (options.trust.empty()) return options.claim.empty() ? lineage::Trust::unknown : lineage::Trust::declared;
  if (options.trust == "unknown") return lineage::Trust::unknown;
  if (options.trust == "declared") {
    if (options.claim.empty()) fail_usage("--trust declared needs --claim: what is said of it, and by whom");
    return lineage::Trust::declared;
  }
  if (options.trust == "recorded") fail_usage("--trust recorded: only what a run here made is recorded; say declared or unknown");
  fail_usage("--trust {}: expected declared or unknown", options.trust);
}

ExitCode adopt(Session& session, const AdoptOptions& options) {
  const lineage::Trust trust = parse_trust(options);
  const steps::AdoptedFiles files = steps::read_outside_files(options.path, options.globs, &session.threads());
  const std::string kind = options.kind.empty() ? steps::guess_kind(options.path) : options.kind;
  lineage::Workspace& workspace = session.workspace();
  const std::int64_t now = now_microseconds();
  const auto id = workspace.ledger().adopt(files.content, kind, steps::path_from(workspace.folder(), options.path), trust,
                                           options.claim, now);
  if (!options.name.empty()) workspace.ledger().move_ref(options.name, id, now);
  const lineage::Artifact artifact = workspace.ledger().artifact(id);
  if (session.json()) {
    print_json(artifact_json(workspace.ledger(), artifact));
  } else {
    fmt::print("{}  {}  {}  {} of trust '{}', in place\n",
               options.name.empty() ? artifact_label(workspace.ledger(), id) : options.name, artifact.digest.short_hex(),
               format_bytes(artifact.bytes), artifact.kind, lineage::trust_name(trust));
  }
  return ExitCode::done;
}

}  // namespace

void add_adopt(CommandLine& line, Session& session) {
  auto options = std::make_shared<AdoptOptions>();
  line.verb("adopt", Phase::make, "take a file or folder that exists, in place, as an artifact")
      .positional(options->path, "PATH", "a model folder, token shards, a dataset, a result; it must stay where it is")
      .option(options->kind, "--kind", "KIND", "model, tokenizer, documents, token_shards, raw, file, ... (default: guessed)")
      .option(options->name, "--name", "NAME", "what it is called from now on")
      .option(options->globs, "--glob", "PATTERN", "of a folder: only the files that match, as '**/*.html'")
      .option(options->trust, "--trust", "LEVEL", "declared (needs --claim) or unknown")
      .option(options->claim, "--claim", "TEXT", "where it comes from, and who says so")
      .run([&session, options] { return adopt(session, *options); });
}

}  // namespace cairn::app
