// The audit of a release folder, alone.
#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "lineage/audit.h"
#include "lineage/exports/model_card.h"
#include "lineage/release.h"
#include "lineage/release_contents.h"

namespace cairn::lineage {

namespace {

constexpr const char* kReplace = "replace it with a fresh copy of the release";

std::string message_of(const std::exception& error) {
  return error.what();
}

class ReleaseAudit {
 public:
  ReleaseAudit(const fs::path& folder, const std::vector<PublicKey>& trusted, const AuditOptions& options, AuditReport& report)
      : folder_(folder), trusted_(trusted), options_(options), report_(report) {}

  void run() {
    list_files();
    read_statement();
    read_manifest();
    if (manifest_) check_files();
    tell_damaged_statement();
    if (!manifest_) return;
    check_statement_matches();
    if (bytes_whole_) check_lineage();
  }

 private:
  void add(const char* code, const std::string& object, const std::string& reason, const std::string& remedy = kReplace,
           Severity severity = Severity::error, std::optional<std::uint64_t> offset = std::nullopt) {
    report_.findings.push_back({code, severity, object, reason, remedy, offset});
  }

  void list_files() {
    if (!fs::is_directory(folder_)) fail("{}: no such folder", folder_.string());
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder_)) {
      const std::string path = entry.path().lexically_relative(folder_).generic_string();
      const fs::file_status status = entry.symlink_status();
      if (fs::is_directory(status)) continue;
      if (fs::is_regular_file(status)) {
        present_.insert(path);
      } else {
        add("LIN-0305", path, "a link or another thing that is not a regular file", "somebody put it there: remove it");
      }
    }
    if (!present_.contains(kManifestFile) && !present_.contains(kStatementFile)) {
      throw Error(fmt::format("{}: not a release (no {}, no {})", folder_.string(), kManifestFile, kStatementFile),
                  ExitCode::usage);
    }
  }

  // The signature, and the digests that were signed.
  void read_statement() {
    if (!present_.contains(kStatementFile)) return add("LIN-0301", kStatementFile, "missing: nothing vouches for this folder");
    try {
      const Envelope envelope = open_envelope(read_file(folder_ / kStatementFile), kStatementFile);
      if (envelope.payload_type != kStatementType)
        fail("{}: its payload is '{}', expected '{}'", kStatementFile, envelope.payload_type, kStatementType);
      if (envelope.signatures.size() != 1) fail("{}: {} signatures, expected one", kStatementFile, envelope.signatures.size());
      const PublicKey key = signer(envelope);
      report_.key_id = key.id();
      if (envelope.signatures[0].key_id != key.id())
        add("LIN-0703", kStatementFile, "it names another key than the one that signed it");
      const Json statement = parse_json(envelope.payload, std::string(kStatementFile) + ": payload");
      for (const Json& subject : statement.at("subject")) {
        signed_[subject.at("name").get<std::string>()] = Digest::from_hex(subject.at("digest").at("sha256").get<std::string>());
      }
      payload_ = envelope.payload;
      judge(key);
    } catch (const Json::exception& error) {
      statement_problem_ = "the signed statement lacks what a release's statement has: " + message_of(error);
    } catch (const Error& error) {
      statement_problem_ = message_of(error);
    }
    if (!statement_problem_.empty()) signed_.clear();
  }

  // Once the other files are checked, more can be said about a statement that does not hold.
  void tell_damaged_statement() {
    if (statement_problem_.empty()) return;
    std::optional<std::uint64_t> offset;
    if (manifest_ && !key_whole_) {
      statement_problem_ = "nothing is known of its signature: key.pem was changed";
    } else if (manifest_ && present_.contains("key.pem")) {
      try {
        const PublicKey key = PublicKey::from_pem(read_file(folder_ / "key.pem"), "key.pem");
        if (key.id() == manifest_->key_id) offset = locate_statement_damage(read_file(folder_ / kStatementFile), *manifest_, key);
      } catch (const Error&) {
        // The key is not one: the statement cannot be checked, which is told.
      }
    }
    if (offset) statement_problem_ += fmt::format("; the first changed byte is at offset {}", *offset);
    add("LIN-0702", kStatementFile, statement_problem_, kReplace, Severity::error, offset);
  }

  // The trusted key, or the folder's own, that verifies the signature.
  PublicKey signer(const Envelope& envelope) const {
    std::vector<PublicKey> keys = trusted_;
    try {
      if (present_.contains("key.pem")) keys.push_back(PublicKey::from_pem(read_file(folder_ / "key.pem"), "key.pem"));
    } catch (const Error&) {
      // Damaged; the check of files names it.
    }
    const std::string message = dsse_pae(envelope.payload_type, envelope.payload);
    for (const PublicKey& key : keys) {
      if (key.verify(message, envelope.signatures[0].signature)) return key;
    }
    fail("the signature does not hold: statement, signature or key.pem was changed");
  }

  void judge(const PublicKey& key) {
    if (std::find(trusted_.begin(), trusted_.end(), key) != trusted_.end()) return;
    if (trusted_.empty()) {
      add("LIN-0704", "signature",
          fmt::format("holds, by the key {} that lies in this folder; nobody told whether to trust it", key.id().substr(0, 16)),
          "compare the key's id with one that the maker published elsewhere, and name the key to audit", Severity::note);
    } else {
      add("LIN-0704", "signature",
          fmt::format("signed by the unknown key {}, which is not among the trusted ones", key.id().substr(0, 16)),
          "get the maker's key by another way, or do not use this release");
    }
  }

  void read_manifest() {
    if (!present_.contains(kManifestFile)) return add("LIN-0301", kManifestFile, "missing");
    std::string text = read_file(folder_ / kManifestFile);
    const auto wanted = signed_.find(kManifestFile);
    if (wanted != signed_.end() && sha256(text) != wanted->second) {
      tell_damaged_manifest(text, wanted->second);
      if (!manifest_) return;
    } else {
      try {
        manifest_ = parse_manifest(text, kManifestFile);
        if (manifest_text(*manifest_) != text) fail("{}: not in canonical form", kManifestFile);
      } catch (const Error& error) {
        add("LIN-0303", kManifestFile, message_of(error));
      }
    }
  }

  // A changed byte in the manifest is placed by making the manifest again from the folder and the signed statement.
  void tell_damaged_manifest(const std::string& text, const Digest& wanted) {
    Manifest again;
    try {
      const Json statement = parse_json(payload_, kStatementFile);
      const Json& predicate = statement.at("predicate");
      again.name = predicate.at("name").get<std::string>();
      again.artifact = Digest::from_hex(predicate.at("artifact").at("sha256").get<std::string>());
      again.kind = predicate.at("artifact").at("kind").get<std::string>();
      again.created = predicate.at("created").get<std::int64_t>();
      again.journal_seq = predicate.at("journal").at("seq").get<std::int64_t>();
      again.journal_head = Digest::from_hex(predicate.at("journal").at("head").get<std::string>());
      again.key_id = report_.key_id;
      for (const auto& [name, digest] : signed_) {
        if (name != kManifestFile && present_.contains(name)) again.files.push_back(scan_release_file(folder_, name).file);
      }
    } catch (const std::exception&) {
      return add("LIN-0303", kManifestFile, "its SHA-256 differs from the signed one");
    }
    const std::string whole = manifest_text(again);
    if (sha256(whole) == wanted) {
      const auto offset =
          static_cast<std::uint64_t>(std::mismatch(text.begin(), text.end(), whole.begin(), whole.end()).first - text.begin());
      add("LIN-0303", kManifestFile,
          fmt::format("its SHA-256 differs from the signed one; the first changed byte is at offset {}", offset), kReplace,
          Severity::error, offset);
      manifest_ = std::move(again);
      return;
    }
    add("LIN-0303", kManifestFile,
        "its SHA-256 differs from the signed one, and other files are changed too: only their signed digests were compared");
    compare_with_statement();
  }

  // Without a manifest: the digests in the statement.
  void compare_with_statement() {
    for (const auto& [name, digest] : signed_) {
      if (name == kManifestFile) continue;
      if (!present_.contains(name)) {
        add("LIN-0301", name, "missing");
      } else if (sha256_file(folder_ / name) != digest) {
        add("LIN-0303", name, "its SHA-256 differs from the signed one");
      }
    }
    for (const std::string& name : present_) {
      if (name != kStatementFile && !signed_.contains(name))
        add("LIN-0305", name, "not listed in the signed statement", "somebody put it there: remove it");
    }
  }

  struct Look {
    bool present = false, whole = false, executable = false;
  };

  // Most files are whole: one hash each is enough, and only a damaged one is scanned by chunks.
  std::vector<Look> look_at_files() {
    for (const ReleaseFile& file : manifest_->files) report_.bytes += file.bytes;
    report_.files = manifest_->files.size();
    if (options_.progress) options_.progress->set_total(report_.bytes);
    std::vector<Look> looks(manifest_->files.size());
    const auto one = [&](std::int64_t i) {
      const ReleaseFile& file = manifest_->files[static_cast<std::size_t>(i)];
      Look& look = looks[static_cast<std::size_t>(i)];
      look.present = present_.contains(file.path);
      if (look.present) {
        const fs::path path = folder_ / file.path;
        look.whole = fs::file_size(path) == file.bytes && sha256_file(path) == file.digest;
        look.executable = (fs::status(path).permissions() & fs::perms::owner_exec) != fs::perms::none;
      }
      if (options_.progress) options_.progress->add(file.bytes);
    };
    if (options_.threads) {
      options_.threads->parallel_for(static_cast<std::int64_t>(looks.size()), one);
    } else {
      for (std::int64_t i = 0; i < static_cast<std::int64_t>(looks.size()); ++i) one(i);
    }
    return looks;
  }

  void check_files() {
    const std::vector<Look> looks = look_at_files();
    const std::map<std::string, std::string> parity = trusted_parity(looks);
    for (std::size_t i = 0; i < looks.size(); ++i) {
      const ReleaseFile& listed = manifest_->files[i];
      if (!looks[i].present) {
        bytes_whole_ = false;
        add("LIN-0301", listed.path, "missing");
      } else if (!looks[i].whole) {
        bytes_whole_ = false;
        if (listed.path == "key.pem") key_whole_ = false;
        if (listed.path == kParityFile && tell_damaged_parity(listed)) continue;
        const auto own = parity.find(listed.path);
        tell_damaged(listed, scan_release_file(folder_, listed.path), own == parity.end() ? std::string() : own->second);
      } else if (looks[i].executable != listed.executable) {
        add("LIN-0304", listed.path, fmt::format("listed as {}executable", listed.executable ? "" : "not "),
            "set the mode again");
      }
    }
    std::set<std::string> listed{kManifestFile, kStatementFile};
    for (const ReleaseFile& file : manifest_->files) listed.insert(file.path);
    for (const std::string& path : present_) {
      if (!listed.contains(path)) add("LIN-0305", path, "not listed in the manifest", "somebody put it there: remove it");
    }
  }

  // Each file's part of parity.bin, when that file itself is whole.
  std::map<std::string, std::string> trusted_parity(const std::vector<Look>& looks) const {
    std::map<std::string, std::string> parts;
    if (std::all_of(looks.begin(), looks.end(), [](const Look& look) { return look.whole; })) return parts;
    for (std::size_t i = 0; i < looks.size(); ++i) {
      if (manifest_->files[i].path == kParityFile && !looks[i].whole) return parts;
    }
    if (!present_.contains(kParityFile)) return parts;
    const MappedFile parity(folder_ / kParityFile);
    std::size_t at = 8;
    for (std::size_t i = 0; i < looks.size(); ++i) {
      const ReleaseFile& file = manifest_->files[i];
      if (file.path == kParityFile) continue;
      const std::size_t size = file.chunks.size() * kParityBytes;
      if (at + size > parity.size()) return parts;
      if (!looks[i].whole) parts[file.path] = std::string(parity.text().substr(at, size));
      at += size;
    }
    return parts;
  }

  // parity.bin has no parity of its own, but it follows from the other files.
  bool tell_damaged_parity(const ReleaseFile& listed) {
    std::vector<ScannedFile> files;
    for (const ReleaseFile& file : manifest_->files) {
      if (!present_.contains(file.path)) return false;
      if (file.path != kParityFile) files.push_back(scan_release_file(folder_, file.path));
    }
    const std::string whole = parity_text(files);
    if (sha256(whole) != listed.digest) return false;
    const MappedFile damaged(folder_ / kParityFile);
    const std::string_view text = damaged.text();
    const auto offset =
        static_cast<std::uint64_t>(std::mismatch(text.begin(), text.end(), whole.begin(), whole.end()).first - text.begin());
    add("LIN-0303", kParityFile, fmt::format("its SHA-256 differs; the first changed byte is at offset {}", offset), kReplace,
        Severity::error, offset);
    return true;
  }

  void tell_damaged(const ReleaseFile& listed, const ScannedFile& scanned, const std::string& parity) {
    const Damage damage = locate_damage(folder_, listed, scanned, parity);
    if (listed.bytes != scanned.file.bytes) {
      return add("LIN-0302", listed.path,
                 fmt::format(
                     "{} bytes, listed {}{}", scanned.file.bytes, listed.bytes,
                     damage.chunks > 0 ? fmt::format("; the first difference is in bytes {}..{}", damage.begin, damage.end) : ""),
                 kReplace, Severity::error, damage.begin);
    }
    if (damage.found) {
      return add("LIN-0303", listed.path,
                 fmt::format("byte {} is 0x{:02x}, was 0x{:02x}", damage.begin, *damage.found, *damage.expected),
                 "put that byte back, or " + std::string(kReplace), Severity::error, damage.begin);
    }
    if (damage.chunks == 0)
      return add("LIN-0303", listed.path,
                 "its SHA-256 differs from the listed one, its chunks do not: the manifest contradicts itself");
    add("LIN-0303", listed.path,
        fmt::format("its SHA-256 differs; {} of {} chunks are damaged, in bytes {}..{}", damage.chunks, listed.chunks.size(),
                    damage.begin, damage.end),
        kReplace, Severity::error, damage.begin);
  }

  void check_statement_matches() {
    if (signed_.empty()) return;
    const std::string text = manifest_text(*manifest_);
    if (release_statement(*manifest_, sha256(text)) != payload_) {
      add("LIN-0705", kStatementFile, "the signed statement does not list what the manifest lists");
    }
    if (!report_.key_id.empty() && manifest_->key_id != report_.key_id)
      add("LIN-0703", kManifestFile, "it names another key than the one that signed");
  }

  // What the folder says about itself, when all its bytes are as signed.
  void check_lineage() {
    ReleaseContents contents;
    try {
      contents = read_release_contents(folder_, manifest_->name, manifest_->artifact, manifest_->kind);
    } catch (const Error& error) {
      return add("LIN-0405", "records", message_of(error));
    }
    const auto runs = std::count_if(contents.records.begin(), contents.records.end(),
                                    [](const Record& record) { return record.run.has_value(); });
    report_.runs = static_cast<std::uint64_t>(runs);
    check_model(contents);
    check_closure(contents);
    check_evaluations(contents);
    check_licences(contents);
    check_made_again("pipeline.json", [&] { return rebuilding_pipeline(contents); });
    check_made_again("README.md", [&] { return model_card(contents); });
  }

  template <typename Make>
  void check_made_again(const char* name, Make make) {
    try {
      if (present_.contains(name) && make() == read_file(folder_ / name)) return;
      add("LIN-0706", name, "does not follow from the run records", "make the release again");
    } catch (const std::exception& error) {
      add("LIN-0706", name, fmt::format("cannot be made again from the run records: {}", error.what()), "make the release again");
    }
  }

  void check_licences(const ReleaseContents& contents) {
    const auto makers = makers_of(contents.records);
    for (const auto& [name, report] : contents.reports) {
      if (!makers.contains(sha256_file(folder_ / name)))
        add("LIN-0406", name, "no run record in the release made it", "make the release again");
    }
    for (const auto& [licence, tally] : tallies(contents, "by_licence")) report_.licences[licence] += tally.documents;
    judge_licences(options_.allowed_licences, report_);
  }

  void check_model(const ReleaseContents& contents) {
    // The bytes are as listed, so the list is enough.
    std::vector<TreeEntry> files;
    bool single = false;
    for (const ReleaseFile& file : manifest_->files) {
      if (!file.path.starts_with("model/")) continue;
      single |= file.path == "model/" + contents.kind && file.digest == contents.artifact;
      files.push_back({file.path.substr(6), file.digest, file.bytes, file.executable});
    }
    if (!single && (files.empty() || sha256(tree_manifest(std::move(files))) != contents.artifact)) {
      add("LIN-0310", "model", fmt::format("its files are not the artifact {}", contents.artifact.short_hex()));
    }
    const auto makers = makers_of(contents.records);
    const auto maker = makers.find(contents.artifact);
    if (maker == makers.end() || !contents.records[maker->second].run) {
      add("LIN-0403", "model", "no run record in the release made it", "make the release again");
    }
  }

  void check_closure(const ReleaseContents& contents) {
    const auto makers = makers_of(contents.records);
    for (std::size_t i = 0; i < contents.records.size(); ++i) {
      if (!contents.records[i].run) continue;
      const RecordedRun& run = *contents.records[i].run;
      const std::string object = fmt::format("{} ({})", run.start.op, run.start.uuid.text());
      if (run.state != RunState::done)
        add("LIN-0403", object, fmt::format("its run is {}, not done", run_state_name(run.state)), "make the release again");
      for (const RecordedInput& input : run.inputs) {
        const auto maker = makers.find(input.digest);
        if (maker == makers.end()) {
          add("LIN-0406", object,
              fmt::format("its input '{}' ({}) is used but no record in the release made it", input.role,
                          input.digest.short_hex()),
              "make the release again");
        } else if (maker->second >= i) {
          add("LIN-0401", object, fmt::format("its input '{}' is recorded after it", input.role), "make the release again");
        }
      }
    }
  }

  void check_evaluations(const ReleaseContents& contents) {
    const auto makers = makers_of(contents.records);
    for (const auto& [file, evaluation] : contents.evaluations) {
      const Digest digest = sha256_file(folder_ / file);
      if (!makers.contains(digest)) add("LIN-0707", file, "no run record in the release made it", "make the release again");
      const bool ours = evaluation.is_object() && evaluation.contains("config") && evaluation.at("config").is_object() &&
                        evaluation.at("config").value("model_sha", "") == contents.artifact.hex();
      if (!ours) add("LIN-0707", file, "it measured other weights than the released ones", "make the release again");
    }
  }

  const fs::path& folder_;
  const std::vector<PublicKey>& trusted_;
  const AuditOptions& options_;
  AuditReport& report_;
  std::set<std::string> present_;
  std::map<std::string, Digest> signed_;
  std::string payload_;
  std::optional<Manifest> manifest_;
  std::string statement_problem_;
  bool bytes_whole_ = true, key_whole_ = true;
};

}  // namespace

AuditReport audit_release(const fs::path& folder, const std::vector<PublicKey>& trusted, const AuditOptions& options) {
  AuditReport report{.subject = folder.string(), .findings = {}, .key_id = {}};
  ReleaseAudit(folder, trusted, options, report).run();
  std::stable_sort(report.findings.begin(), report.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
  return report;
}

}  // namespace cairn::lineage
