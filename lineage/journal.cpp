// The hash-chained journal (docs/format/journal.md; spec/lineage.md §2.10).
#include <algorithm>

#include "base/error.h"
#include "lineage/rows.h"

namespace cairn::lineage {

namespace {

constexpr const char* kColumns = "SELECT seq, time, event, body, previous, hash FROM journal";

JournalEntry read_entry(const Query& row) {
  return {row.integer(0), row.integer(1), row.text(2), row.text(3), row.digest(4), row.digest(5)};
}

}  // namespace

Digest journal_hash(const JournalEntry& entry) {
  return Sha256().field(entry.previous.hex()).field(entry.seq).field(entry.time).field(entry.event).field(entry.body).finish();
}

void append_journal(Database& database, std::int64_t time, const std::string& event, const std::string& body) {
  JournalEntry entry{.time = time, .event = event, .body = body};
  if (Query last = database.query("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1"); last.next()) {
    entry.seq = last.integer(0);
    entry.previous = last.digest(1);
  }
  ++entry.seq;
  database.execute("INSERT INTO journal(seq, time, event, body, previous, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", entry.seq,
                   entry.time, entry.event, entry.body, entry.previous, journal_hash(entry));
}

JournalPlace next_place(Database& database) {
  JournalPlace place;
  for (Query rows = database.query(fmt::format("{} ORDER BY seq DESC", kColumns)); rows.next();) {
    JournalEntry entry = read_entry(rows);
    if (place.seq == 0) {
      place.seq = entry.seq;
      place.previous = entry.hash;
    }
    if (entry.event != "run.started" && entry.event != "run.sealing") break;  // a record's own entry
    place.entries.push_back(std::move(entry));
  }
  ++place.seq;
  std::reverse(place.entries.begin(), place.entries.end());
  return place;
}

std::vector<JournalEntry> Ledger::journal() const {
  std::vector<JournalEntry> entries;
  for (Query rows = database_.query(fmt::format("{} ORDER BY seq", kColumns)); rows.next();) entries.push_back(read_entry(rows));
  return entries;
}

Digest Ledger::journal_head() const {
  Query row = database_.query("SELECT hash FROM journal ORDER BY seq DESC LIMIT 1");
  return row.next() ? row.digest(0) : Digest();
}

std::vector<std::string> Ledger::verify_journal() const {
  std::vector<std::string> broken;
  JournalEntry before;
  for (Query rows = database_.query(fmt::format("{} ORDER BY seq", kColumns)); rows.next();) {
    JournalEntry entry;
    try {
      entry = read_entry(rows);
    } catch (const Error& error) {
      broken.push_back(fmt::format("entry {} is unreadable: {}", rows.integer(0), error.what()));
      before.seq = rows.integer(0);
      continue;
    }
    if (entry.seq != before.seq + 1) {
      broken.push_back(fmt::format("entries {} to {} are gone", before.seq + 1, entry.seq - 1));
    } else if (entry.previous != before.hash) {
      broken.push_back(fmt::format("entry {} does not follow entry {}", entry.seq, before.seq));
    }
    if (journal_hash(entry) != entry.hash)
      broken.push_back(fmt::format("entry {} ({}) was altered: its hash differs", entry.seq, entry.event));
    before = std::move(entry);
  }
  return broken;
}

}  // namespace cairn::lineage
