// The ledger: runs, artifacts and the edges between them, in SQLite (lineage/schema.sql; spec/lineage.md §2.3, 2.4, 2.10).
//
// One process writes at a time (BEGIN IMMEDIATE; synchronous=FULL). Every change of state is also an entry of the hash-chained
// journal, in the same transaction. Rows of finished runs never change. All functions throw Error.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/json_fwd.h"
#include "lineage/tree.h"

namespace cairn::lineage {

using ArtifactId = std::int64_t;
using RunId = std::int64_t;

// UUIDv7: sorts by time of creation.
struct RunUuid {
  std::array<std::uint8_t, 16> bytes{};
  static RunUuid make(std::int64_t microseconds);
  static RunUuid parse(std::string_view text);
  std::string text() const;  // 8-4-4-4-12 lower-case hex
  auto operator<=>(const RunUuid&) const = default;
};

enum class RunState { planned = 0, running = 1, sealing = 2, done = 3, failed = 4, aborted = 5, lost = 6 };
const char* run_state_name(RunState state);

enum class Trust {
  recorded,
  declared,
  unknown
};  // how an artifact came to be known: made by a run here; adopted with a claim; adopted without
const char* trust_name(Trust trust);

struct Artifact {
  ArtifactId id = 0;
  Digest digest;
  std::string kind;  // "documents", "checkpoint", ... (schema.sql, table kind)
  bool is_tree = false;
  std::uint64_t bytes = 0;
  std::int64_t items = 1;
  std::int64_t created = 0;
  std::string meta;  // canonical JSON object: small facts
};

struct RunInput {
  std::string role;
  int ordinal = 0;
  ArtifactId artifact = 0;
};
using RunOutput = RunInput;

struct NewRun {
  RunUuid uuid{};
  std::string op{};  // step name
  int op_version = 1;
  std::string config{};   // canonical JSON, defaults written out, without `runtime`
  std::string runtime{};  // canonical JSON: recorded, never hashed
  std::uint64_t seed = 0;
  int determinism = 1;              // level L0..L3 of DESIGN.md §5
  std::string determinism_class{};  // "" when exact everywhere
  std::string environment{};        // canonical JSON facts: cpu, isa, libraries, threads
  Digest code{};                    // SHA-256 of the executable
  std::string revision{};           // version string of the build
  std::vector<RunInput> inputs{};
  std::optional<RunId> attempt_of{};
  std::optional<RunId> reproduction_of{};
  std::int64_t started = 0;
};

struct Run {
  RunId id = 0;
  RunUuid uuid;
  std::string op;
  int op_version = 1;
  Digest recipe, action;
  std::string config, runtime, environment, determinism_class;
  Digest code;
  std::string revision;
  std::uint64_t seed = 0;
  int determinism = 1;
  RunState state = RunState::planned;
  std::optional<RunId> attempt_of, reproduction_of;
  std::int64_t started = 0, ended = 0;
  std::string note;  // the error of a failed run, the summary of a done one
  std::vector<RunInput> inputs;
  std::vector<RunOutput> outputs;
};

// What a run made, ready to be recorded: already sealed in the store.
struct SealedOutput {
  std::string role{};
  int ordinal = 0;
  std::string kind{};
  Content content{};
  std::int64_t items = 1;
  std::string meta = "{}";  // canonical JSON object
};

struct Posting {  // documents of one source in one shard file of an output
  std::string source;
  Digest shard;  // the file's digest (a member of a tree output, or the output itself)
  std::int64_t first = 0, documents = 0, tokens = 0;
};

struct JournalEntry {
  std::int64_t seq = 0, time = 0;
  std::string event{}, body{};
  Digest previous{}, hash{};
};

struct Ref {
  std::string name;
  int generation = 0;  // base@3 is generation 3; counts from 1 and every move adds one
  ArtifactId artifact = 0;
  std::int64_t moved = 0;
};

// recipe = hash(op, op_version, config, inputs by role and ordinal, seed); action = hash(recipe, determinism class).
Digest recipe_key(const NewRun& run, const std::map<ArtifactId, Digest>& digests);
Digest action_key(const Digest& recipe, const std::string& determinism_class);

class Database;  // lineage/database.h
class RunFiles;  // lineage/run_files.h
struct Record;   // lineage/record.h
struct RecordedRun;

class Ledger {
 public:
  // Every change is sealed as a run record through `files` inside its transaction, before the commit.
  Ledger(Database& database, RunFiles& files);

  // Runs (spec/lineage.md §2.4). Each call is one transaction.
  // Error when a text is not canonical JSON, an input is not in the ledger or the uuid is taken.
  RunId start_run(const NewRun& run);  // running; its lease is this process
  void begin_sealing(RunId run);       // running -> sealing
  // sealing -> done. Records outputs, edges, postings, refs to move (name -> role), the run record's artifact, the final state:
  // all or nothing. Then gives back the lease and removes staging/<uuid>. `ended` is raised to `started` where a clock went
  // backwards.
  void finish_run(RunId run, const std::vector<SealedOutput>& outputs, const std::vector<Posting>& postings,
                  const std::map<std::string, std::string>& refs, const std::string& note, std::int64_t ended);
  void end_run(RunId run, RunState state, const std::string& note, std::int64_t ended);  // failed, aborted, lost

  // Commits a run that was killed while sealing, from its record.json; false when the record is not there, not whole, or names an
  // object that the store lacks (`has_object`). Used by recovery.
  bool finish_from_record(RunId run, const std::function<bool(const Digest&)>& has_object);

  // Registers what exists outside, in place. `path` is relative to the workspace folder. The same content twice is one artifact;
  // the same content, path, trust and claim twice is one adoption. Trust::recorded is refused: only a run gives it.
  ArtifactId adopt(const Content& content, const std::string& kind, const std::string& path, Trust trust,
                   const std::string& claim, std::int64_t now);
  // Names are letters, digits and . _ - /. No new generation when the name points there already.
  void move_ref(const std::string& name, ArtifactId artifact, std::int64_t now);

  // Queries.
  std::optional<Run> find_done(const Digest& action) const;        // the newest done run of an action
  std::optional<Run> find_unfinished(const Digest& action) const;  // the newest lost or aborted attempt
  Run run(RunId id) const;
  std::optional<Run> run_by_uuid(const RunUuid& uuid) const;
  std::vector<Run> runs(int limit = 0) const;  // newest first
  std::vector<Run> open_runs() const;          // planned, running, sealing
  Artifact artifact(ArtifactId id) const;
  std::optional<Artifact> artifact_by_digest(const Digest& digest) const;
  std::optional<Run> producer(ArtifactId artifact) const;  // the first done run that made it; a member's tree counts
  std::vector<Run> producers(ArtifactId artifact) const;   // all of them, the newest first
  Trust trust(ArtifactId artifact) const;                  // a member's tree counts; the newest adoption
  std::vector<TreeEntry> tree_entries(ArtifactId tree) const;
  std::vector<Ref> refs() const;                                              // current, by name
  std::optional<Ref> ref(const std::string& name, int generation = 0) const;  // 0 = current
  // What a person typed: "base", "base@2", "base@2026-11-24" (as it stood at the end of that day, UTC), "base.checkpoint" (that
  // output of the run that made base), a run's number or uuid prefix + ".role", or a digest prefix of at least 6 letters. Error
  // (usage): unknown, with the nearest known name; or ambiguous, with the candidates.
  Artifact resolve(const std::string& text) const;

  // Everything an artifact comes from, or that comes from it, by shortest distance, then id; without itself. A file that is only
  // known as a member of trees comes from them, and what was made from the file comes from its tree.
  struct Step {
    ArtifactId artifact;
    int distance;
  };
  std::vector<Step> upstream(ArtifactId artifact) const;
  std::vector<Step> downstream(ArtifactId artifact) const;
  std::vector<Posting> postings_of(const std::string& source) const;
  std::vector<std::string> sources() const;

  // Journal (§2.10).
  std::vector<JournalEntry> journal() const;
  Digest journal_head() const;
  // Empty when the chain holds; else one line per broken entry.
  std::vector<std::string> verify_journal() const;

  // Where copies lie, relative to the workspace folder: its object and where it was adopted from. Members of trees: through the
  // tree.
  std::vector<std::string> locations(ArtifactId artifact) const;
  std::vector<ArtifactId> trees_with(ArtifactId member) const;

  Database& database();

 private:
  void record(Record& record);  // seals, applies, journals; inside the caller's transaction
  RecordedRun recorded(const Run& run) const;
  std::vector<Step> walk(ArtifactId from, const char* edges, const char* trees) const;

  Database& database_;
  RunFiles& files_;
};

}  // namespace cairn::lineage
