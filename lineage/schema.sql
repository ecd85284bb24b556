-- The ledger of a workspace: what was made, by which run, from what.
--
-- Ids are local to one database file and mean nothing outside it; digests, uuids and names are what travels. Everything here except
-- open runs can be made again from the sealed run records in objects/ (lineage/rebuild.h), so SQLite is the index, not the only witness.
-- Times are microseconds since 1970, UTC. Digests are 32 raw bytes of SHA-256. JSON is canonical (base/json.h), which the code checks:
-- json_valid() may not be used in a schema while trusted_schema is off.

PRAGMA application_id = 1280198478;          -- 'LNGN': this is a ledger and not some other database
PRAGMA user_version   = 1;                   -- version of this schema; a newer one is refused

-- The closed vocabulary of artifacts. Ids are frozen; new kinds are added at the end.
CREATE TABLE kind (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO kind(id, name) VALUES
  (1, 'raw'),            -- documents as found: an adopted folder or file of HTML, text, JSONL
  (2, 'documents'),      -- JSONL.zst shards of Document
  (3, 'decisions'),      -- what a filter chain kept and dropped, and why
  (4, 'report'),         -- for people: HTML, tables
  (5, 'tokenizer'),      -- tokenizer.json
  (6, 'token_shards'),   -- Megatron .bin/.idx and docmaps
  (7, 'checkpoint'),     -- canonical tensors, optimizer state, position
  (8, 'model'),          -- a model folder in Hugging Face's layout
  (9, 'task'),           -- evaluation task definitions and their items
  (10, 'eval_result'),   -- metrics, with the digest of the weights that were measured
  (11, 'release'),       -- a signed release folder
  (12, 'run_record'),    -- the sealed record of one run, adoption or move of a name
  (13, 'file'),          -- anything else; every member of a tree that is not an artifact in its own right
  (14, 'partial');       -- left by a failed run, kept for a look

-- Immutable bytes: a file, or a folder ("tree") named by the hash of its manifest (docs/format/tree.md).
CREATE TABLE artifact (
  id      INTEGER PRIMARY KEY,
  digest  BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
  kind    INTEGER NOT NULL REFERENCES kind(id),
  is_tree INTEGER NOT NULL CHECK (is_tree IN (0, 1)),
  bytes   INTEGER NOT NULL CHECK (bytes >= 0),                    -- sum over files
  items   INTEGER NOT NULL CHECK (items >= 0),                    -- documents, samples, files: what the maker counted
  created INTEGER NOT NULL,                                       -- when it was first recorded
  meta    TEXT    NOT NULL                                            -- small facts
) STRICT;
CREATE INDEX artifact_kind ON artifact(kind, created);

-- Files of a tree, each an artifact row too, so that a posting or an input can name one.
CREATE TABLE tree_entry (
  tree       INTEGER NOT NULL REFERENCES artifact(id),
  path       TEXT    NOT NULL,                                    -- relative, '/' between parts
  member     INTEGER NOT NULL REFERENCES artifact(id),
  executable INTEGER NOT NULL CHECK (executable IN (0, 1)),
  PRIMARY KEY (tree, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX tree_entry_member ON tree_entry(member, tree);

-- Where copies lie, relative to the workspace folder: objects/ab/cdef.., or anywhere for adopted ones. Never part of identity; whether
-- the bytes are there is asked of the disk, not remembered.
CREATE TABLE location (
  artifact INTEGER NOT NULL REFERENCES artifact(id),
  path     TEXT    NOT NULL,
  PRIMARY KEY (artifact, path)
) STRICT, WITHOUT ROWID;

-- Artifacts that no run here made: taken as found, in place.
CREATE TABLE adoption (
  artifact INTEGER NOT NULL REFERENCES artifact(id),
  path     TEXT    NOT NULL,
  record   INTEGER NOT NULL REFERENCES artifact(id),              -- its sealed record
  trust    INTEGER NOT NULL CHECK (trust IN (1, 2)),              -- 1 declared (somebody claims where it is from), 2 unknown
  claim    TEXT    NOT NULL,                                      -- the claim, in words
  adopted  INTEGER NOT NULL,
  PRIMARY KEY (artifact, path, record)
) STRICT, WITHOUT ROWID;

-- What runs share: each text once.
CREATE TABLE config      (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, canonical TEXT NOT NULL) STRICT;
CREATE TABLE environment (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, canonical TEXT NOT NULL) STRICT;
CREATE TABLE code        (id INTEGER PRIMARY KEY, digest BLOB NOT NULL, revision TEXT NOT NULL, UNIQUE (digest, revision)) STRICT;

-- One execution of a step (states: spec 2.4). Rows in a terminal state (3..6) never change; a retry is a new run.
CREATE TABLE run (
  id                INTEGER PRIMARY KEY,
  uuid              BLOB    NOT NULL UNIQUE CHECK (length(uuid) = 16),   -- UUIDv7
  op                TEXT    NOT NULL,              -- name of the step
  op_version        INTEGER NOT NULL,
  recipe            BLOB    NOT NULL CHECK (length(recipe) = 32),        -- hash(op, version, config, inputs by role, seed)
  action            BLOB    NOT NULL CHECK (length(action) = 32),        -- hash(recipe, determinism class): the key of the cache
  config            INTEGER NOT NULL REFERENCES config(id),
  runtime           TEXT    NOT NULL,        -- how it was executed: recorded, never hashed
  environment       INTEGER NOT NULL REFERENCES environment(id),
  code              INTEGER NOT NULL REFERENCES code(id),
  seed              INTEGER NOT NULL,              -- the 64 bits of an unsigned seed
  determinism       INTEGER NOT NULL CHECK (determinism BETWEEN 0 AND 3),  -- level L0..L3
  determinism_class TEXT    NOT NULL,              -- '' when exact everywhere
  attempt_of        INTEGER REFERENCES run(id),    -- the interrupted run that this one goes on from
  reproduction_of   INTEGER REFERENCES run(id),
  state             INTEGER NOT NULL CHECK (state BETWEEN 0 AND 6),      -- planned running sealing done failed aborted lost
  started           INTEGER NOT NULL,
  ended             INTEGER NOT NULL,              -- 0 while open
  note              TEXT    NOT NULL,
  record            INTEGER REFERENCES artifact(id),                     -- its sealed record, once ended
  CHECK ((state >= 3) = (record IS NOT NULL))
) STRICT;
CREATE INDEX run_action ON run(action, state);
CREATE INDEX run_open   ON run(state) WHERE state IN (0, 1, 2);
CREATE TRIGGER run_ended_is_final BEFORE UPDATE ON run WHEN old.state >= 3
BEGIN SELECT RAISE(ABORT, 'a run that ended never changes'); END;

CREATE TABLE input (
  run      INTEGER NOT NULL REFERENCES run(id),
  role     TEXT    NOT NULL,
  ordinal  INTEGER NOT NULL,
  artifact INTEGER NOT NULL REFERENCES artifact(id),
  PRIMARY KEY (run, role, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX input_artifact ON input(artifact, run);

CREATE TABLE output (
  run      INTEGER NOT NULL REFERENCES run(id),
  role     TEXT    NOT NULL,
  ordinal  INTEGER NOT NULL,
  artifact INTEGER NOT NULL REFERENCES artifact(id),
  PRIMARY KEY (run, role, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX output_artifact ON output(artifact, run);

-- input x output of each done run, written in the same transaction: redundant, so that a recursion costs one covering-index step per
-- edge. audit checks that it equals the join. A run whose output has the bytes of its own input has no edge between the two.
CREATE TABLE edge (
  child  INTEGER NOT NULL REFERENCES artifact(id),
  parent INTEGER NOT NULL REFERENCES artifact(id),
  run    INTEGER NOT NULL REFERENCES run(id),
  PRIMARY KEY (child, parent, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX edge_down ON edge(parent, child);

-- The unit that can opt out: a registrable domain, a data set, a package.
CREATE TABLE source (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

-- Posting list: where a source's documents lie. Few rows, because shards are clustered by source.
CREATE TABLE source_shard (
  source    INTEGER NOT NULL REFERENCES source(id),
  shard     INTEGER NOT NULL REFERENCES artifact(id),
  first     INTEGER NOT NULL,                      -- ordinal in the shard of the first document
  documents INTEGER NOT NULL,
  tokens    INTEGER NOT NULL,                      -- 0 where not tokenised
  PRIMARY KEY (source, shard, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX source_shard_shard ON source_shard(shard, first, source);

-- Names. base@3 is the row (base, 3); the highest generation is current. Rows are only added.
CREATE TABLE ref (
  name       TEXT    NOT NULL,
  generation INTEGER NOT NULL CHECK (generation >= 1),
  artifact   INTEGER NOT NULL REFERENCES artifact(id),
  moved      INTEGER NOT NULL,
  PRIMARY KEY (name, generation)
) STRICT, WITHOUT ROWID;

-- Append-only hash chain over every change of state (docs/format/journal.md).
CREATE TABLE journal (
  seq      INTEGER PRIMARY KEY,
  time     INTEGER NOT NULL,
  event    TEXT    NOT NULL,
  body     TEXT    NOT NULL,
  previous BLOB    NOT NULL CHECK (length(previous) = 32),
  hash     BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32)
) STRICT;
-- They stop accidents, not attackers: evidence is the chain and the signed heads of releases.
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
