// cairn release ARTIFACT FOLDER: an artifact with all that tells how it was made, signed.
#include "lineage/release.h"

#include <cstdlib>

#include "app/cli/cli.h"
#include "app/cli/verbs.h"
#include "base/format.h"
#include "base/json.h"
#include "base/log.h"

namespace cairn::app {
namespace {

struct ReleaseOptions {
  std::string artifact, folder, name, key;
};

// Kept outside of workspaces: a workspace may be given away.
fs::path default_key_path() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  if (config != nullptr && *config != '\0') return fs::path(config) / "cairn" / "signing-key.pem";
  if (home != nullptr && *home != '\0') return fs::path(home) / ".config" / "cairn" / "signing-key.pem";
  fail_usage("neither HOME nor XDG_CONFIG_HOME is set; name the signing key with --key");
}

lineage::SigningKey load_or_make_key(const std::string& given) {
  const fs::path path = given.empty() ? default_key_path() : fs::path(given);
  if (fs::exists(path)) return lineage::SigningKey::load(path);
  if (!path.parent_path().empty()) fs::create_directories(path.parent_path());
  const lineage::SigningKey key = lineage::SigningKey::generate();
  key.save(path);
  log_note(fmt::format("made a signing key in {}; keep it to yourself, and keep it", path.string()));
  return key;
}

ExitCode release(Session& session, const ReleaseOptions& options) {
  lineage::Workspace& workspace = session.workspace_for_reading();
  const lineage::Artifact artifact = workspace.ledger().resolve(options.artifact);
  const lineage::SigningKey key = load_or_make_key(options.key);
  const std::string name = options.name.empty() ? fs::path(options.folder).lexically_normal().filename().string() : options.name;
  const lineage::ReleaseSummary summary =
      lineage::make_release(workspace, artifact, name, options.folder, key, now_microseconds());
  if (session.json()) {
    print_json({{"name", summary.name},
                {"folder", options.folder},
                {"artifact", "sha256:" + summary.artifact.hex()},
                {"files", summary.files},
                {"runs", summary.runs},
                {"evaluations", summary.evaluations},
                {"bytes", summary.bytes},
                {"key_id", summary.key_id}});
  } else {
    const auto counted = [](std::size_t count, const char* what) {
      return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
    };
    fmt::print("{}: {}, {}, {} on record, {}; signed by {}\ncairn audit {} checks it, anywhere\n", options.folder,
               counted(summary.files, "file"), format_bytes(summary.bytes), counted(summary.runs, "run"),
               counted(summary.evaluations, "evaluation"), summary.key_id.substr(0, 16), options.folder);
  }
  return ExitCode::done;
}

}  // namespace

void add_release(CommandLine& line, Session& session) {
  auto options = std::make_shared<ReleaseOptions>();
  line.verb("release", Phase::prove, "a model with all that tells how it was made, in one signed folder")
      .positional(options->artifact, "ARTIFACT", "a name (model, model@2), or a digest's first letters")
      .positional(options->folder, "FOLDER", "made; must not exist or be empty")
      .option(options->name, "--name", "NAME", "of the release (default: the folder's name)")
      .option(options->key, "--key", "FILE",
              "the signing key, made if it is not there (default: ~/.config/cairn/signing-key.pem)")
      .run([&session, options] { return release(session, *options); });
}

}  // namespace cairn::app
