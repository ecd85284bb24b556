// Sealed run records: the canonical JSON in which every lasting change of the ledger is written before SQLite has it. The ledger
// can be made again from them alone (lineage/rebuild.h), and a release carries them (lineage/release.h).
//
// Three things are recorded: a run that ended, an adoption, a move of a name outside a run. A record also carries the journal
// entries since the record before it, so that the chain survives too. It is stored as an artifact of kind run_record.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lineage/ledger.h"

namespace cairn::lineage {

// Every record's text begins with this, and no other canonical JSON does by accident.
inline constexpr std::string_view kRecordPrefix = "{\"_record\":\"cairn/1\"";

struct RecordedInput {
  std::string role;
  int ordinal = 0;
  Digest digest;
};

struct RecordedRun {
  NewRun start{};  // inputs, attempt_of and reproduction_of stand below, by digest and uuid
  std::vector<RecordedInput> inputs{};
  std::optional<RunUuid> attempt_of{}, reproduction_of{};
  RunState state = RunState::done;  // done, failed, aborted or lost
  std::string note{};
  std::vector<SealedOutput> outputs{};
  std::vector<Posting> postings{};
};

struct RecordedAdoption {
  SealedOutput artifact{};  // role and ordinal unused
  std::string path{};       // relative to the workspace folder
  Trust trust = Trust::unknown;
  std::string claim{};
};

struct RecordedRef {
  std::string name{};
  int generation = 0;
  Digest artifact{};
};

// Where a record's own journal entry stands, and the entries since the last record.
struct JournalPlace {
  std::int64_t seq = 0;
  Digest previous{};
  std::vector<JournalEntry> entries{};
};

struct Record {
  JournalPlace journal{};
  std::int64_t time = 0;             // the run's end, the adoption's or the move's moment
  std::optional<RecordedRun> run{};  // at most one of the two
  std::optional<RecordedAdoption> adoption{};
  std::vector<RecordedRef> refs{};

  // The journal's event and body for this record, once sealed as `digest`.
  std::string event() const;
  std::string journal_body(const Digest& digest) const;
};

std::string record_text(const Record& record);
// Reads what record_text wrote. Error naming `origin` and the place when the text is anything else or contradicts itself: a
// recipe or action key that does not follow from the fields, a tree whose files do not hash to its digest, a state that is not
// final.
Record parse_record(std::string_view text, std::string_view origin);

Digest recipe_key(const NewRun& run, const std::vector<RecordedInput>& inputs);

}  // namespace cairn::lineage
