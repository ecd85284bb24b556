// Rows of the ledger, written in one way by the living ledger and by rebuild. All of them expect an open transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lineage/database.h"
#include "lineage/record.h"

namespace cairn::lineage {

inline constexpr std::int64_t kApplicationId = 1280198478;
inline constexpr std::int64_t kSchemaVersion = 1;
std::string schema_sql();

std::optional<ArtifactId> find_artifact(Database& database, const Digest& digest);
std::optional<RunId> find_run(Database& database, const RunUuid& uuid);

// The artifact's row, its members' rows and, when `location` is not empty, where it lies. The same content is one row: what was
// recorded first stays, except that a mere "file" takes the kind, items and facts of the first to know it by more.
ArtifactId put_artifact(Database& database, const SealedOutput& artifact, const std::string& location, std::int64_t created);

// A run in state `running`. Error when an input is not in the ledger.
RunId put_run(Database& database, const RecordedRun& run);

// Everything that a record says, except its journal entry. `sealed` is the record itself, an object.
void apply_record(Database& database, const Record& record, const Content& sealed);

// Journal (docs/format/journal.md).
Digest journal_hash(const JournalEntry& entry);
void append_journal(Database& database, std::int64_t time, const std::string& event, const std::string& body);
JournalPlace next_place(Database& database);  // for a record that is about to be sealed

// "objects/ab/cdef..": where the store keeps a digest, relative to the workspace.
std::string object_location(const Digest& digest);

}  // namespace cairn::lineage
