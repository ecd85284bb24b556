#include "lineage/release.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "lineage/database.h"
#include "lineage/exports/model_card.h"
#include "lineage/release_contents.h"

namespace cairn::lineage {

namespace {

constexpr std::uint64_t kLargestReport = 16'000'000;

// Other reports show texts, also of documents that were dropped: a release does not give those away.
bool counts_what_came_in(const Json& json) {
  return json.is_object() && json.contains("by_source") && json.contains("by_licence");
}

class Maker {
 public:
  Maker(Workspace& workspace, const Artifact& artifact, fs::path folder)
      : workspace_(workspace),
        ledger_(workspace.ledger()),
        disk_(workspace.disk()),
        artifact_(artifact),
        folder_(std::move(folder)) {}

  // The closure: the artifact, everything upstream of it, and the evaluations of it with all that is upstream of those.
  void gather() {
    add_closure(artifact_.id);
    for (const Ledger::Step& step : ledger_.downstream(artifact_.id)) {
      if (step.distance == 1 && ledger_.artifact(step.artifact).kind == "eval_result") {
        evaluations_.push_back(step.artifact);
        add_closure(step.artifact);
      }
    }
  }

  void copy_artifact() {
    const fs::path from = workspace_.path_of(artifact_.id);
    if (artifact_.is_tree) {
      for (const TreeEntry& entry : ledger_.tree_entries(artifact_.id)) copy(from / entry.path, "model/" + entry.path);
    } else {
      copy(from, "model/" + artifact_.kind);
    }
    const Digest copied = hash_content(artifact_.is_tree ? folder_ / "model" : folder_ / "model" / artifact_.kind).digest;
    if (copied != artifact_.digest) fail("{}: the files do not have the digest of the artifact; run cairn audit", from.string());
  }

  void copy_records() {
    std::set<ArtifactId> records;
    for (const ArtifactId id : closure_) {
      for (const char* sql : {"SELECT r.record FROM output o JOIN run r ON r.id = o.run WHERE o.artifact = ?1 AND r.state = 3",
                              "SELECT record FROM adoption WHERE artifact = ?1"}) {
        for (Query rows = ledger_.database().query(sql, id); rows.next();) records.insert(rows.integer(0));
      }
    }
    for (const ArtifactId id : records) {
      const Artifact record = ledger_.artifact(id);
      copy(workspace_.path_of(id), fmt::format("records/{}.json", record.digest.hex()));
    }
  }

  void copy_reports() {
    // A report lies beside what it counts: an output of the same run, not something that the artifact came from.
    std::set<ArtifactId> reports = closure_;
    for (const ArtifactId id : closure_) {
      Query rows =
          ledger_.database().query("SELECT b.artifact FROM output a JOIN output b ON b.run = a.run WHERE a.artifact = ?1", id);
      while (rows.next()) reports.insert(rows.integer(0));
    }
    for (const ArtifactId id : reports) {
      const Artifact artifact = ledger_.artifact(id);
      if (artifact.kind == "report" && !artifact.is_tree)
        copy_json(workspace_.path_of(id), "reports", artifact.digest, counts_what_came_in);
    }
    for (const ArtifactId id : evaluations_) {
      const fs::path from = workspace_.path_of(id);
      for (const TreeEntry& entry : ledger_.tree_entries(id)) {
        if (!entry.path.ends_with(".json")) continue;
        copy_json(from / entry.path, "evaluations", entry.digest, [&](const Json& json) {
          return json.is_object() && json.contains("results") && json.contains("config") && json.at("config").is_object() &&
                 json.at("config").value("model_sha", "") == artifact_.digest.hex();
        });
      }
    }
  }

  void write(const std::string& name, std::string_view text) {
    const fs::path path = folder_ / name;
    disk_.make_directories(path.parent_path());
    write_new_file(disk_, path, text);
  }

 private:
  void add_closure(ArtifactId id) {
    closure_.insert(id);
    for (const Ledger::Step& step : ledger_.upstream(id)) closure_.insert(step.artifact);
  }

  void copy(const fs::path& from, const std::string& name) {
    const fs::path to = folder_ / name;
    fs::create_directories(to.parent_path());
    std::error_code error;
    fs::copy_file(from, to, error);
    if (error) fail("{}: cannot be copied to {}: {}", from.string(), to.string(), error.message());
    fs::permissions(to, fs::perms::owner_write, fs::perm_options::add);
    disk_.append(to)->sync();
  }

  // Copies a JSON file as <folder>/<digest>.json when `wanted` says so; what is not JSON stays behind.
  template <typename Wanted>
  void copy_json(const fs::path& from, const std::string& folder, const Digest& digest, Wanted wanted) {
    if (fs::file_size(from) > kLargestReport) return;
    try {
      if (!wanted(parse_json(read_file(from), from.string()))) return;
    } catch (const Error&) {
      return;
    }
    const std::string name = fmt::format("{}/{}.json", folder, digest.hex());
    if (!fs::exists(folder_ / name)) copy(from, name);
  }

  Workspace& workspace_;
  Ledger& ledger_;
  Disk& disk_;
  const Artifact& artifact_;
  fs::path folder_;
  std::set<ArtifactId> closure_;
  std::vector<ArtifactId> evaluations_;
};

std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(folder).generic_string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::string release_statement(const Manifest& manifest, const Digest& manifest_digest) {
  Json subjects = Json::array();
  subjects.push_back({{"name", kManifestFile}, {"digest", {{"sha256", manifest_digest.hex()}}}});
  for (const ReleaseFile& file : manifest.files)
    subjects.push_back({{"name", file.path}, {"digest", {{"sha256", file.digest.hex()}}}});
  return canonical_json({{"_type", "https://in-toto.io/Statement/v1"},
                         {"subject", std::move(subjects)},
                         {"predicateType", kPredicateType},
                         {"predicate",
                          {{"name", manifest.name},
                           {"artifact", {{"sha256", manifest.artifact.hex()}, {"kind", manifest.kind}}},
                           {"created", manifest.created},
                           {"journal", {{"seq", manifest.journal_seq}, {"head", manifest.journal_head.hex()}}}}}});
}

std::optional<std::uint64_t> locate_statement_damage(std::string_view text, const Manifest& manifest, const PublicKey& key) {
  const Envelope whole{.payload_type = kStatementType,
                       .payload = release_statement(manifest, sha256(manifest_text(manifest))),
                       .signatures = {{key.id(), std::string(64, '\0')}}};
  const std::string model = envelope_text(whole);
  const std::size_t begin = model.find("\"sig\":\"") + 7, end = model.find('"', begin);
  const auto first_difference = [&](std::size_t at, std::size_t to) {
    while (at < to && at < text.size() && text[at] == model[at]) ++at;
    return at;
  };
  if (const std::size_t at = first_difference(0, begin); at < begin) return at;
  if (text.size() != model.size()) return std::nullopt;
  if (const std::size_t at = first_difference(end, model.size()); at < model.size()) return at;
  // In the signature, which only the private key makes: the letter with which, replaced, it verifies again.
  const std::string message = dsse_pae(whole.payload_type, whole.payload);
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
  std::string signature(text.substr(begin, end - begin));
  for (std::size_t i = 0; i < signature.size(); ++i) {
    const char found = signature[i];
    for (const char letter : kLetters) {
      signature[i] = letter;
      try {
        if (key.verify(message, base64_decode(signature))) return begin + i;
      } catch (const Error&) {
        // Not base64 with that letter.
      }
    }
    signature[i] = found;
  }
  return std::nullopt;
}

ReleaseSummary make_release(Workspace& workspace, const Artifact& artifact, const std::string& name, const fs::path& folder,
                            const SigningKey& key, std::int64_t now) {
  if (fs::exists(folder) && !fs::is_empty(folder))
    fail_usage("{}: exists and is not empty; a release wants a folder of its own", folder.string());
  if (!workspace.ledger().producer(artifact.id))
    fail_usage("{}: no run here made it, so there is nothing to tell of its making", name);
  fs::create_directories(folder);

  Maker maker(workspace, artifact, folder);
  maker.gather();
  maker.copy_artifact();
  maker.copy_records();
  maker.copy_reports();
  const ReleaseContents contents = read_release_contents(folder, name, artifact.digest, artifact.kind);
  maker.write("pipeline.json", rebuilding_pipeline(contents));
  maker.write("README.md", model_card(contents));
  maker.write("key.pem", key.public_key().pem());

  std::vector<ScannedFile> scanned;
  for (const std::string& path : files_below(folder)) scanned.push_back(scan_release_file(folder, path));
  maker.write(kParityFile, parity_text(scanned));
  scanned.push_back(scan_release_file(folder, kParityFile));

  Manifest manifest{.name = name,
                    .artifact = artifact.digest,
                    .kind = artifact.kind,
                    .created = now,
                    .journal_head = workspace.ledger().journal_head(),
                    .key_id = key.public_key().id(),
                    .files = {}};
  manifest.journal_seq = workspace.ledger().database().query("SELECT coalesce(max(seq), 0) FROM journal").one().integer(0);
  ReleaseSummary summary{
      .name = name, .artifact = artifact.digest, .evaluations = contents.evaluations.size(), .key_id = manifest.key_id};
  for (ScannedFile& file : scanned) {
    summary.bytes += file.file.bytes;
    manifest.files.push_back(std::move(file.file));
  }
  std::sort(manifest.files.begin(), manifest.files.end(),
            [](const ReleaseFile& a, const ReleaseFile& b) { return a.path < b.path; });
  summary.files = manifest.files.size();
  summary.runs = static_cast<std::size_t>(std::count_if(contents.records.begin(), contents.records.end(),
                                                        [](const Record& record) { return record.run.has_value(); }));

  const std::string text = manifest_text(manifest);
  maker.write(kManifestFile, text);
  maker.write(kStatementFile, seal_envelope(kStatementType, release_statement(manifest, sha256(text)), {key}));
  return summary;
}

}  // namespace cairn::lineage
