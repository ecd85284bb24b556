#include "lineage/rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/embedded.h"
#include "base/error.h"
#include "base/schema.h"

namespace cairn::lineage {

const std::vector<EmbeddedFile>& embedded_files();

namespace {

std::int64_t kind_id(Database& database, const std::string& name) {
  if (Query row = database.query("SELECT id FROM kind WHERE name = ?1", name); row.next()) return row.integer(0);
  std::vector<std::string> known;
  for (Query rows = database.query("SELECT name FROM kind ORDER BY id"); rows.next();) known.push_back(rows.text(0));
  const std::string nearest = nearest_name(name, known);
  if (nearest.empty()) fail("'{}' is not a kind of artifact; kinds are {}", name, fmt::join(known, ", "));
  fail("'{}' is not a kind of artifact. Did you mean '{}'?", name, nearest);
}

ArtifactId put_row(Database& database, const Digest& digest, const std::string& kind, bool is_tree, std::uint64_t bytes,
                   std::int64_t items, const std::string& meta, std::int64_t created) {
  const std::int64_t id = kind_id(database, kind);
  if (Query row = database.query("SELECT a.id, k.name FROM artifact a JOIN kind k ON k.id = a.kind WHERE digest = ?1", digest);
      row.next()) {
    const ArtifactId artifact = row.integer(0);
    if (row.text(1) == "file" && kind != "file") {
      database.execute("UPDATE artifact SET kind = ?2, items = ?3, meta = ?4 WHERE id = ?1", artifact, id, items, meta);
    }
    return artifact;
  }
  database.execute("INSERT INTO artifact(digest, kind, is_tree, bytes, items, created, meta) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                   digest, id, is_tree, bytes, items, created, meta);
  return database.last_id();
}

ArtifactId require_artifact(Database& database, const Digest& digest, const std::string& use) {
  const std::optional<ArtifactId> artifact = find_artifact(database, digest);
  if (!artifact) fail("{}: no artifact {} is in the ledger", use, digest.hex());
  return *artifact;
}

std::int64_t text_id(Database& database, const char* table, const std::string& canonical) {
  const Digest digest = sha256(canonical);
  database.execute(fmt::format("INSERT OR IGNORE INTO {}(digest, canonical) VALUES (?1, ?2)", table), digest, canonical);
  return database.query(fmt::format("SELECT id FROM {} WHERE digest = ?1", table), digest).one().integer(0);
}

std::int64_t code_id(Database& database, const Digest& digest, const std::string& revision) {
  database.execute("INSERT OR IGNORE INTO code(digest, revision) VALUES (?1, ?2)", digest, revision);
  return database.query("SELECT id FROM code WHERE digest = ?1 AND revision = ?2", digest, revision).one().integer(0);
}

std::optional<RunId> run_id(Database& database, const std::optional<RunUuid>& uuid) {
  return uuid ? find_run(database, *uuid) : std::nullopt;
}

void apply_run(Database& database, const RecordedRun& run, ArtifactId record, std::int64_t ended) {
  const std::optional<RunId> open = find_run(database, run.start.uuid);
  const RunId id = open ? *open : put_run(database, run);
  for (const SealedOutput& output : run.outputs) {
    const ArtifactId artifact = put_artifact(database, output, object_location(output.content.digest), ended);
    database.execute("INSERT INTO output(run, role, ordinal, artifact) VALUES (?1, ?2, ?3, ?4)", id, output.role, output.ordinal,
                     artifact);
  }
  if (run.state == RunState::done) {
    database.execute(
        "INSERT OR IGNORE INTO edge(child, parent, run) SELECT o.artifact, i.artifact, o.run FROM output o JOIN input i ON i.run "
        "= o.run "
        "WHERE o.run = ?1 AND o.artifact <> i.artifact",
        id);
  }
  for (const Posting& posting : run.postings) {
    const ArtifactId shard =
        require_artifact(database, posting.shard, fmt::format("{}: posting of '{}'", run.start.op, posting.source));
    database.execute("INSERT OR IGNORE INTO source(name) VALUES (?1)", posting.source);
    const std::int64_t source = database.query("SELECT id FROM source WHERE name = ?1", posting.source).one().integer(0);
    database.execute("INSERT OR IGNORE INTO source_shard(source, shard, first, documents, tokens) VALUES (?1, ?2, ?3, ?4, ?5)",
                     source, shard, posting.first, posting.documents, posting.tokens);
  }
  database.execute("UPDATE run SET state = ?2, ended = ?3, note = ?4, record = ?5 WHERE id = ?1", id, static_cast<int>(run.state),
                   ended, run.note, record);
}

}  // namespace

std::string schema_sql() {
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name == "schema.sql") return std::string(file.text);
  }
  fail("schema.sql is not in this executable");
}

std::string object_location(const Digest& digest) {
  const std::string hex = digest.hex();
  return "objects/" + hex.substr(0, 2) + "/" + hex.substr(2);
}

std::optional<ArtifactId> find_artifact(Database& database, const Digest& digest) {
  Query row = database.query("SELECT id FROM artifact WHERE digest = ?1", digest);
  return row.next() ? std::optional(row.integer(0)) : std::nullopt;
}

std::optional<RunId> find_run(Database& database, const RunUuid& uuid) {
  Query row = database.query("SELECT id FROM run WHERE uuid = ?1", std::span<const std::uint8_t>(uuid.bytes));
  return row.next() ? std::optional(row.integer(0)) : std::nullopt;
}

ArtifactId put_artifact(Database& database, const SealedOutput& artifact, const std::string& location, std::int64_t created) {
  const Content& content = artifact.content;
  const bool known = find_artifact(database, content.digest).has_value();
  const ArtifactId id =
      put_row(database, content.digest, artifact.kind, content.is_tree, content.bytes, artifact.items, artifact.meta, created);
  if (!known) {
    for (const TreeEntry& entry : content.entries) {
      const ArtifactId member = put_row(database, entry.digest, "file", false, entry.bytes, 1, "{}", created);
      database.execute("INSERT INTO tree_entry(tree, path, member, executable) VALUES (?1, ?2, ?3, ?4)", id, entry.path, member,
                       entry.executable);
    }
  }
  if (!location.empty()) database.execute("INSERT OR IGNORE INTO location(artifact, path) VALUES (?1, ?2)", id, location);
  return id;
}

RunId put_run(Database& database, const RecordedRun& run) {
  const NewRun& start = run.start;
  const Digest recipe = recipe_key(start, run.inputs);
  database.execute(
      "INSERT INTO run(uuid, op, op_version, recipe, action, config, runtime, environment, code, seed, determinism, "
      "determinism_class, "
      "attempt_of, reproduction_of, state, started, ended, note) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 1, ?15, 0, '')",
      std::span<const std::uint8_t>(start.uuid.bytes), start.op, start.op_version, recipe,
      action_key(recipe, start.determinism_class), text_id(database, "config", start.config), start.runtime,
      text_id(database, "environment", start.environment), code_id(database, start.code, start.revision), start.seed,
      start.determinism, start.determinism_class, run_id(database, run.attempt_of), run_id(database, run.reproduction_of),
      start.started);
  const RunId id = database.last_id();
  for (const RecordedInput& input : run.inputs) {
    const ArtifactId artifact = require_artifact(database, input.digest, fmt::format("{}: input '{}'", start.op, input.role));
    database.execute("INSERT INTO input(run, role, ordinal, artifact) VALUES (?1, ?2, ?3, ?4)", id, input.role, input.ordinal,
                     artifact);
  }
  return id;
}

void apply_record(Database& database, const Record& record, const Content& sealed) {
  const SealedOutput self{.kind = "run_record", .content = sealed};
  const ArtifactId record_id = put_artifact(database, self, object_location(sealed.digest), record.time);
  if (record.run) apply_run(database, *record.run, record_id, record.time);
  if (record.adoption) {
    const RecordedAdoption& adoption = *record.adoption;
    const ArtifactId artifact = put_artifact(database, adoption.artifact, adoption.path, record.time);
    database.execute("INSERT INTO adoption(artifact, path, trust, claim, adopted, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                     artifact, adoption.path, static_cast<int>(adoption.trust), adoption.claim, record.time, record_id);
  }
  for (const RecordedRef& ref : record.refs) {
    const ArtifactId artifact = require_artifact(database, ref.artifact, fmt::format("name '{}'", ref.name));
    database.execute("INSERT INTO ref(name, generation, artifact, moved) VALUES (?1, ?2, ?3, ?4)", ref.name, ref.generation,
                     artifact, record.time);
  }
}

}  // namespace cairn::lineage
