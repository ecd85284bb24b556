// Questions about runs and the graph (spec/lineage.md §2.8).
#include <set>

#include "base/error.h"
#include "lineage/rows.h"

namespace cairn::lineage {

namespace {

constexpr const char* kRun =
    "SELECT r.id, r.uuid, r.op, r.op_version, r.recipe, r.action, c.canonical, r.runtime, e.canonical, r.determinism_class, "
    "o.digest, o.revision, "
    "r.seed, r.determinism, r.state, r.attempt_of, r.reproduction_of, r.started, r.ended, r.note FROM run r JOIN config c ON "
    "c.id = r.config "
    "JOIN environment e ON e.id = r.environment JOIN code o ON o.id = r.code ";

std::vector<RunInput> read_ports(Database& database, const char* table, RunId run) {
  std::vector<RunInput> ports;
  for (Query rows = database.query(
           fmt::format("SELECT role, ordinal, artifact FROM {} WHERE run = ?1 ORDER BY role, ordinal", table), run);
       rows.next();) {
    ports.push_back({rows.text(0), static_cast<int>(rows.integer(1)), rows.integer(2)});
  }
  return ports;
}

Run read_run(Database& database, const Query& row) {
  Run run;
  run.id = row.integer(0);
  const std::string uuid = row.text(1);
  if (uuid.size() != run.uuid.bytes.size()) fail("run {}: its uuid has {} bytes", run.id, uuid.size());
  std::copy(uuid.begin(), uuid.end(), run.uuid.bytes.begin());
  run.op = row.text(2);
  run.op_version = static_cast<int>(row.integer(3));
  run.recipe = row.digest(4);
  run.action = row.digest(5);
  run.config = row.text(6);
  run.runtime = row.text(7);
  run.environment = row.text(8);
  run.determinism_class = row.text(9);
  run.code = row.digest(10);
  run.revision = row.text(11);
  run.seed = static_cast<std::uint64_t>(row.integer(12));
  run.determinism = static_cast<int>(row.integer(13));
  run.state = static_cast<RunState>(row.integer(14));
  run.attempt_of = row.optional_integer(15);
  run.reproduction_of = row.optional_integer(16);
  run.started = row.integer(17);
  run.ended = row.integer(18);
  run.note = row.text(19);
  run.inputs = read_ports(database, "input", run.id);
  run.outputs = read_ports(database, "output", run.id);
  return run;
}

template <typename... Args>
std::vector<Run> read_runs(Database& database, const std::string& tail, const Args&... args) {
  std::vector<Run> runs;
  for (Query rows = database.query(kRun + tail, args...); rows.next();) runs.push_back(read_run(database, rows));
  return runs;
}

std::optional<Run> first_of(std::vector<Run> runs) {
  return runs.empty() ? std::nullopt : std::optional(std::move(runs.front()));
}

}  // namespace

Run Ledger::run(RunId id) const {
  std::optional<Run> run = first_of(read_runs(database_, "WHERE r.id = ?1", id));
  if (!run) fail("no run has the number {}", id);
  return *run;
}

std::optional<Run> Ledger::run_by_uuid(const RunUuid& uuid) const {
  const std::optional<RunId> id = find_run(database_, uuid);
  return id ? std::optional(run(*id)) : std::nullopt;
}

std::vector<Run> Ledger::runs(int limit) const {
  return read_runs(database_, "ORDER BY r.uuid DESC LIMIT ?1", limit > 0 ? limit : -1);
}

std::vector<Run> Ledger::open_runs() const {
  return read_runs(database_, "WHERE r.state IN (0, 1, 2) ORDER BY r.uuid");
}

std::optional<Run> Ledger::find_done(const Digest& action) const {
  return first_of(read_runs(
      database_, "WHERE r.action = ?1 AND r.state = 3 ORDER BY r.reproduction_of IS NOT NULL, r.uuid DESC LIMIT 1", action));
}

std::optional<Run> Ledger::find_unfinished(const Digest& action) const {
  return first_of(read_runs(database_, "WHERE r.action = ?1 AND r.state IN (5, 6) ORDER BY r.uuid DESC LIMIT 1", action));
}

std::vector<Run> Ledger::producers(ArtifactId artifact) const {
  for (const char* sql : {"SELECT r.id FROM output o JOIN run r ON r.id = o.run WHERE o.artifact = ?1 AND r.state = 3 ORDER BY "
                          "r.ended DESC, r.uuid DESC",
                          "SELECT DISTINCT r.id, r.ended, r.uuid FROM tree_entry t JOIN output o ON o.artifact = t.tree JOIN run "
                          "r ON r.id = o.run WHERE t.member = ?1 AND r.state = 3 ORDER BY r.ended DESC, r.uuid DESC"}) {
    std::vector<Run> runs;
    for (Query row = database_.query(sql, artifact); row.next();) runs.push_back(run(row.integer(0)));
    if (!runs.empty()) return runs;
  }
  return {};
}

std::optional<Run> Ledger::producer(ArtifactId artifact) const {
  const std::vector<Run> runs = producers(artifact);
  return runs.empty() ? std::nullopt : std::optional<Run>(runs.back());
}

// Breadth first, each artifact once: a recursive UNION over (artifact, distance) would meet an artifact again for every distance
// at which it can be reached.
std::vector<Ledger::Step> Ledger::walk(ArtifactId from, const char* edges, const char* trees) const {
  std::vector<Step> steps;
  std::set<ArtifactId> seen{from};
  std::vector<ArtifactId> level{from};
  for (int distance = 1; !level.empty(); ++distance) {
    std::set<ArtifactId> next;
    for (const ArtifactId id : level) {
      for (const char* sql : {edges, trees}) {
        for (Query rows = database_.query(sql, id); rows.next();) {
          if (!seen.contains(rows.integer(0))) next.insert(rows.integer(0));
        }
      }
    }
    level.assign(next.begin(), next.end());
    seen.insert(next.begin(), next.end());
    for (const ArtifactId id : level) steps.push_back({id, distance});
  }
  return steps;
}

std::vector<Ledger::Step> Ledger::upstream(ArtifactId artifact) const {
  return walk(artifact, "SELECT parent FROM edge WHERE child = ?1",
              "SELECT tree FROM tree_entry WHERE member = ?1 AND NOT EXISTS (SELECT 1 FROM output WHERE artifact = ?1)");
}

std::vector<Ledger::Step> Ledger::downstream(ArtifactId artifact) const {
  return walk(artifact, "SELECT child FROM edge WHERE parent = ?1",
              "SELECT tree FROM tree_entry WHERE member = ?1 AND NOT EXISTS (SELECT 1 FROM output WHERE artifact = ?1) UNION "
              "SELECT member FROM tree_entry WHERE tree = ?1 AND member IN (SELECT artifact FROM input) "
              "AND member NOT IN (SELECT artifact FROM output)");
}

}  // namespace cairn::lineage
