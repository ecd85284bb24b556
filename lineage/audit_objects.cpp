#include "lineage/audit_objects.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/format.h"
#include "base/mapped_file.h"
#include "lineage/database.h"

namespace cairn::lineage {

namespace {

enum class State { whole, missing, length, hash, mode, unreadable };

// One file that should lie somewhere, and how it was found.
struct Expected {
  std::string place;  // relative to the workspace
  Digest digest;
  std::uint64_t bytes = 0;
  std::optional<bool> executable{};  // of a tree's member
  std::string artifact;              // "documents 1a2b3c4d5e6f"
  bool adopted = false;
  State state = State::whole;
  std::uint64_t found_bytes = 0;
  std::string problem{};
};

void look(const fs::path& path, Expected& file) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::is_regular_file(status)) {
    file.state = State::missing;
    return;
  }
  file.found_bytes = fs::file_size(path, error);
  if (file.found_bytes != file.bytes) {
    file.state = State::length;
    return;
  }
  try {
    if (sha256_file(path) != file.digest) {
      file.state = State::hash;
    } else if (file.executable && *file.executable != ((status.permissions() & fs::perms::owner_exec) != fs::perms::none)) {
      file.state = State::mode;
    }
  } catch (const Error& failed) {
    file.state = State::unreadable;
    file.problem = failed.what();
  }
}

class ObjectAudit {
 public:
  ObjectAudit(Workspace& workspace, const AuditOptions& options, AuditReport& report)
      : workspace_(workspace), ledger_(workspace.ledger()), options_(options), report_(report) {}

  void run() {
    collect();
    hash();
    for (const Expected& file : files_) {
      if (file.state != State::whole) tell(file);
    }
    check_homeless();
    check_orphans();
  }

 private:
  void collect() {
    std::map<ArtifactId, std::vector<TreeEntry>> trees;
    for (Query rows = ledger_.database().query("SELECT l.artifact, l.path FROM location l ORDER BY l.artifact, l.path");
         rows.next();) {
      const Artifact artifact = ledger_.artifact(rows.integer(0));
      const std::string place = rows.text(1);
      const std::string name = fmt::format("{} {}", artifact.kind, artifact.digest.short_hex());
      const bool adopted = !place.starts_with("objects/");
      ++report_.artifacts;
      if (!artifact.is_tree) {
        files_.push_back(
            {.place = place, .digest = artifact.digest, .bytes = artifact.bytes, .artifact = name, .adopted = adopted});
        continue;
      }
      auto [found, fresh] = trees.try_emplace(artifact.id);
      if (fresh) {
        found->second = ledger_.tree_entries(artifact.id);
        check_tree_row(artifact, found->second, name);
      }
      for (const TreeEntry& entry : found->second) {
        files_.push_back({.place = place + "/" + entry.path,
                          .digest = entry.digest,
                          .bytes = entry.bytes,
                          .executable = entry.executable,
                          .artifact = name,
                          .adopted = adopted});
      }
      if (!adopted) check_unlisted(place, found->second, name);
    }
  }

  void check_tree_row(const Artifact& artifact, const std::vector<TreeEntry>& entries, const std::string& name) {
    if (sha256(tree_manifest(entries)) == artifact.digest) return;
    report_.findings.push_back({.code = "LIN-0308",
                                .object = name,
                                .reason = "the files that the ledger lists do not hash to its digest",
                                .remedy = "rows were changed: make the ledger again from its records with: cairn rebuild"});
  }

  void check_unlisted(const std::string& place, const std::vector<TreeEntry>& entries, const std::string& name) {
    const fs::path folder = workspace_.folder() / place;
    std::set<std::string> listed;
    for (const TreeEntry& entry : entries) listed.insert(entry.path);
    std::error_code error;
    for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      const std::string path = it->path().lexically_relative(folder).generic_string();
      if (it->is_directory() || listed.contains(path)) continue;
      report_.findings.push_back({.code = "LIN-0305",
                                  .object = place + "/" + path,
                                  .reason = fmt::format("not a file of {}", name),
                                  .remedy = "somebody put it there: remove it"});
    }
  }

  void hash() {
    std::uint64_t total = 0;
    for (const Expected& file : files_) total += file.bytes;
    if (options_.progress) options_.progress->set_total(total);
    const auto one = [&](std::int64_t i) {
      Expected& file = files_[static_cast<std::size_t>(i)];
      look(workspace_.folder() / file.place, file);
      if (options_.progress) options_.progress->add(file.bytes);
    };
    if (options_.threads) {
      options_.threads->parallel_for(static_cast<std::int64_t>(files_.size()), one);
    } else {
      for (std::int64_t i = 0; i < static_cast<std::int64_t>(files_.size()); ++i) one(i);
    }
    report_.files += files_.size();
    report_.bytes += total;
    for (const Expected& file : files_) {
      if (file.state == State::whole || file.state == State::mode) whole_.try_emplace(file.digest, &file);
      if (file.state == State::whole) whole_places_.insert(file.place);
    }
  }

  // The first byte that differs from a whole copy of the same file; the remedy names the copy.
  std::optional<std::uint64_t> offset_of(const Expected& file) const {
    const auto copy = whole_.find(file.digest);
    if (copy == whole_.end() || file.state != State::hash) return std::nullopt;
    const MappedFile damaged(workspace_.folder() / file.place), good(workspace_.folder() / copy->second->place);
    const auto [a, b] = std::mismatch(damaged.text().begin(), damaged.text().end(), good.text().begin(), good.text().end());
    return static_cast<std::uint64_t>(a - damaged.text().begin());
  }

  void tell(const Expected& file) {
    Finding finding{.object = file.place};
    switch (file.state) {
      case State::missing:
        finding.code = "LIN-0301";
        finding.reason = fmt::format("missing (of {})", file.artifact);
        break;
      case State::length:
        finding.code = "LIN-0302";
        finding.reason = fmt::format("{} bytes, recorded {} (of {})", file.found_bytes, file.bytes, file.artifact);
        break;
      case State::hash:
        finding.code = "LIN-0303";
        finding.offset = offset_of(file);
        finding.reason =
            fmt::format("its SHA-256 differs from the recorded {} (of {}){}", file.digest.short_hex(), file.artifact,
                        finding.offset ? fmt::format("; the first changed byte is at offset {}", *finding.offset) : "");
        break;
      case State::mode:
        finding.code = "LIN-0304";
        finding.reason = fmt::format("recorded as {}executable (of {})", *file.executable ? "" : "not ", file.artifact);
        break;
      default:
        finding.code = "LIN-0309";
        finding.reason = file.problem;
    }
    if (file.adopted && whole_places_.count(file.place) > 0) {
      finding.severity = Severity::note;
      finding.reason += "; a later version of it, which lies there now, is on record";
    }
    const auto copy = whole_.find(file.digest);
    finding.remedy = file.adopted ? "it was adopted in place: put it back, or run again what was made from it (cairn stale)"
                     : copy != whole_.end()      ? "a whole copy is " + copy->second->place
                     : file.state == State::mode ? "set the mode again"
                                                 : "remove the object and run its step again, or put it back from a copy";
    report_.findings.push_back(std::move(finding));
  }

  // Artifacts without any place, that are no member of one that has a place.
  void check_homeless() {
    for (Query rows = ledger_.database().query("SELECT a.digest, k.name FROM artifact a JOIN kind k ON k.id = a.kind WHERE a.id "
                                               "NOT IN (SELECT artifact FROM location) AND a.id NOT IN "
                                               "(SELECT t.member FROM tree_entry t JOIN location l ON l.artifact = t.tree)");
         rows.next();) {
      report_.findings.push_back({.code = "LIN-0307",
                                  .object = fmt::format("{} {}", rows.text(1), rows.digest(0).short_hex()),
                                  .reason = "the ledger knows no place where it lies",
                                  .remedy = "make the ledger again from its records with: cairn rebuild"});
    }
  }

  void check_orphans() {
    if (!ledger_.open_runs().empty()) return;  // their outputs are sealed before they are recorded
    for (const Digest& digest : workspace_.store().list()) {
      if (ledger_.artifact_by_digest(digest)) continue;
      report_.findings.push_back({.code = "LIN-0306",
                                  .severity = Severity::note,
                                  .object = workspace_.store().path_of(digest).lexically_relative(workspace_.folder()).string(),
                                  .reason = "an object that the ledger does not know, left by a run that did not finish",
                                  .remedy = "it is removed 14 days after it was written"});
    }
  }

  Workspace& workspace_;
  Ledger& ledger_;
  const AuditOptions& options_;
  AuditReport& report_;
  std::vector<Expected> files_;
  std::map<Digest, const Expected*> whole_;
  std::set<std::string> whole_places_;  // that hold what some artifact recorded there
};

}  // namespace

void audit_objects(Workspace& workspace, const AuditOptions& options, AuditReport& report) {
  ObjectAudit(workspace, options, report).run();
}

}  // namespace cairn::lineage
