// Artifacts: adoption, reading rows, names.
#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "lineage/rows.h"

namespace cairn::lineage {

namespace {

constexpr const char* kArtifact =
    "SELECT a.id, a.digest, k.name, a.is_tree, a.bytes, a.items, a.created, a.meta FROM artifact a JOIN kind k ON k.id = a.kind ";

Artifact read_artifact(const Query& row) {
  return {.id = row.integer(0),
          .digest = row.digest(1),
          .kind = row.text(2),
          .is_tree = row.integer(3) != 0,
          .bytes = static_cast<std::uint64_t>(row.integer(4)),
          .items = row.integer(5),
          .created = row.integer(6),
          .meta = row.text(7)};
}

Ref read_ref(const Query& row) {
  return {row.text(0), static_cast<int>(row.integer(1)), row.integer(2), row.integer(3)};
}

}  // namespace

ArtifactId Ledger::adopt(const Content& content, const std::string& kind, const std::string& path, Trust trust,
                         const std::string& claim, std::int64_t now) {
  if (trust == Trust::recorded) fail("{}: an adopted artifact's trust is declared or unknown; only a run records", path);
  if (path.empty() || path.front() == '/')
    fail("{}: where an adopted artifact lies is given relative to the workspace folder", path);
  Transaction transaction(database_, "adopt an artifact");
  if (const std::optional<ArtifactId> known = find_artifact(database_, content.digest)) {
    Query same = database_.query(
        "SELECT trust, claim FROM adoption WHERE artifact = ?1 AND path = ?2 ORDER BY adopted DESC, record DESC LIMIT 1", *known,
        path);
    const bool kind_stands = kind == "file" || artifact(*known).kind != "file";
    if (kind_stands && same.next() && same.integer(0) == static_cast<int>(trust) && same.text(1) == claim) return *known;
  }
  Record record{.time = now};
  record.adoption =
      RecordedAdoption{.artifact = {.kind = kind,
                                    .content = content,
                                    .items = content.is_tree ? static_cast<std::int64_t>(content.entries.size()) : 1},
                       .path = path,
                       .trust = trust,
                       .claim = claim};
  this->record(record);
  const ArtifactId id = *find_artifact(database_, content.digest);
  transaction.commit();
  return id;
}

Artifact Ledger::artifact(ArtifactId id) const {
  Query row = database_.query(fmt::format("{} WHERE a.id = ?1", kArtifact), id);
  if (!row.next()) fail("no artifact has the number {}", id);
  return read_artifact(row);
}

std::optional<Artifact> Ledger::artifact_by_digest(const Digest& digest) const {
  const std::optional<ArtifactId> id = find_artifact(database_, digest);
  return id ? std::optional(artifact(*id)) : std::nullopt;
}

std::vector<TreeEntry> Ledger::tree_entries(ArtifactId tree) const {
  std::vector<TreeEntry> entries;
  for (Query rows = database_.query("SELECT t.path, a.digest, a.bytes, t.executable FROM tree_entry t JOIN artifact a ON a.id = "
                                    "t.member WHERE t.tree = ?1 ORDER BY t.path",
                                    tree);
       rows.next();) {
    entries.push_back({rows.text(0), rows.digest(1), static_cast<std::uint64_t>(rows.integer(2)), rows.integer(3) != 0});
  }
  return entries;
}

std::vector<std::string> Ledger::locations(ArtifactId artifact) const {
  // The object first, adopted places after it.
  std::vector<std::string> paths;
  for (Query rows =
           database_.query("SELECT path FROM location WHERE artifact = ?1 ORDER BY path NOT LIKE 'objects/%', path", artifact);
       rows.next();) {
    paths.push_back(rows.text(0));
  }
  return paths;
}

std::vector<ArtifactId> Ledger::trees_with(ArtifactId member) const {
  std::vector<ArtifactId> trees;
  for (Query rows = database_.query("SELECT DISTINCT tree FROM tree_entry WHERE member = ?1 ORDER BY tree", member);
       rows.next();) {
    trees.push_back(rows.integer(0));
  }
  return trees;
}

Trust Ledger::trust(ArtifactId artifact) const {
  if (producer(artifact)) return Trust::recorded;
  constexpr const char* kNewest = "SELECT trust FROM adoption WHERE artifact = ?1 ORDER BY adopted DESC, record DESC LIMIT 1";
  if (Query row = database_.query(kNewest, artifact); row.next()) return static_cast<Trust>(row.integer(0));
  Trust best = Trust::unknown;
  for (const ArtifactId tree : trees_with(artifact)) {
    if (Query row = database_.query(kNewest, tree); row.next()) best = std::min(best, static_cast<Trust>(row.integer(0)));
  }
  return best;
}

std::vector<Ref> Ledger::refs() const {
  std::vector<Ref> refs;
  for (Query rows = database_.query("SELECT name, generation, artifact, moved FROM ref r WHERE generation = "
                                    "(SELECT max(generation) FROM ref WHERE name = r.name) ORDER BY name");
       rows.next();) {
    refs.push_back(read_ref(rows));
  }
  return refs;
}

std::optional<Ref> Ledger::ref(const std::string& name, int generation) const {
  Query row = database_.query(
      "SELECT name, generation, artifact, moved FROM ref WHERE name = ?1 AND (?2 = 0 OR generation = ?2) ORDER BY generation "
      "DESC LIMIT 1",
      name, generation);
  return row.next() ? std::optional(read_ref(row)) : std::nullopt;
}

std::vector<Posting> Ledger::postings_of(const std::string& source) const {
  std::vector<Posting> postings;
  for (Query rows = database_.query(
           "SELECT s.name, a.digest, p.first, p.documents, p.tokens FROM source s JOIN source_shard p ON p.source = s.id "
           "JOIN artifact a ON a.id = p.shard WHERE s.name = ?1 ORDER BY p.shard, p.first",
           source);
       rows.next();) {
    postings.push_back({rows.text(0), rows.digest(1), rows.integer(2), rows.integer(3), rows.integer(4)});
  }
  return postings;
}

std::vector<std::string> Ledger::sources() const {
  std::vector<std::string> names;
  for (Query rows = database_.query("SELECT name FROM source ORDER BY name"); rows.next();) names.push_back(rows.text(0));
  return names;
}

}  // namespace cairn::lineage
