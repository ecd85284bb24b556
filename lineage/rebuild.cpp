#include "lineage/rebuild.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "lineage/rows.h"
#include "lineage/run_files.h"
#include "lineage/store.h"

namespace cairn::lineage {

namespace {

struct Found {
  Record record;
  Content content;
};

bool begins_like_a_record(const fs::path& path) {
  std::string begin(kRecordPrefix.size(), '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return begin == kRecordPrefix;
}

std::vector<Found> read_records(Store& store, RebuildReport& report) {
  std::vector<Found> found;
  for (const Digest& digest : store.list()) {
    const fs::path path = store.path_of(digest);
    if (!fs::is_regular_file(path) || !begins_like_a_record(path)) continue;
    const std::string text = read_file(path);
    const std::string name = object_location(digest);
    if (sha256(text) != digest) {
      report.problems.push_back(fmt::format("{}: damaged, its hash differs; left out", name));
      continue;
    }
    try {
      found.push_back({parse_record(text, name), {.digest = digest, .bytes = text.size(), .entries = {}}});
    } catch (const Error& error) {
      report.problems.push_back(fmt::format("{}; left out", error.what()));
    }
  }
  return found;
}

// In the order of the journal. Of two records of one run (a kill between sealing and commit leaves one behind) the later counts.
std::vector<Found> in_order(std::vector<Found> found) {
  std::set<Digest> outputs;
  std::map<RunUuid, std::int64_t> last;
  for (const Found& each : found) {
    if (!each.record.run) continue;
    for (const SealedOutput& output : each.record.run->outputs) {
      if (output.kind != "run_record") outputs.insert(output.content.digest);
    }
    std::int64_t& seq = last[each.record.run->start.uuid];
    seq = std::max(seq, each.record.journal.seq);
  }
  std::erase_if(found, [&](const Found& each) {
    if (outputs.contains(each.content.digest)) return true;
    return each.record.run && last[each.record.run->start.uuid] != each.record.journal.seq;
  });
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return std::tie(a.record.journal.seq, a.content.digest) < std::tie(b.record.journal.seq, b.content.digest);
  });
  return found;
}

void put_entry(Database& database, const JournalEntry& entry) {
  database.execute("INSERT OR IGNORE INTO journal(seq, time, event, body, previous, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                   entry.seq, entry.time, entry.event, entry.body, entry.previous, entry.hash);
}

void apply(Database& database, const Found& found) {
  const Record& record = found.record;
  apply_record(database, record, found.content);
  for (const JournalEntry& entry : record.journal.entries) put_entry(database, entry);
  JournalEntry own{.seq = record.journal.seq,
                   .time = record.time,
                   .event = record.event(),
                   .body = record.journal_body(found.content.digest),
                   .previous = record.journal.previous};
  own.hash = journal_hash(own);
  put_entry(database, own);
}

// Runs and adoptions that a ledger tells of; none when it cannot be read.
std::optional<std::int64_t> told_by(const fs::path& ledger) {
  try {
    Database database(ledger, Database::Mode::read, kApplicationId, kSchemaVersion);
    return database.query("SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM adoption)").one().integer(0);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

RebuildReport rebuild(Disk& disk, const fs::path& workspace, const fs::path& target) {
  RebuildReport report;
  Store store(disk, workspace / "objects");
  const std::vector<Found> records = in_order(read_records(store, report));

  Database database(target, Database::Mode::create, kApplicationId, kSchemaVersion);
  Transaction transaction(database, "rebuild");
  database.script(schema_sql());
  std::int64_t expected = 1;
  for (const Found& found : records) {
    const JournalPlace& place = found.record.journal;
    const std::int64_t first = place.seq - static_cast<std::int64_t>(place.entries.size());
    if (first > expected)
      report.problems.push_back(fmt::format("journal entries {} to {}: no record tells them", expected, first - 1));
    if (place.seq < expected) {
      report.problems.push_back(fmt::format("{}: another record has its place {} in the journal; left out",
                                            object_location(found.content.digest), place.seq));
      continue;
    }
    try {
      database.script("SAVEPOINT record");
      apply(database, found);
      database.script("RELEASE record");
    } catch (const Error& error) {
      database.script("ROLLBACK TO record; RELEASE record");
      report.problems.push_back(fmt::format("{}: {}; left out", object_location(found.content.digest), error.what()));
      continue;
    }
    expected = place.seq + 1;
    ++(found.record.run ? report.runs : found.record.adoption ? report.adoptions : report.moves);
  }
  transaction.commit();
  return report;
}

ReplacedLedger replace_ledger(Disk& disk, const fs::path& workspace, bool anyway) {
  Store store(disk, workspace / "objects");
  const RunFiles files(disk, store, workspace);
  if (disk.exists(workspace / "runs")) {
    for (const DiskEntry& entry : disk.list(workspace / "runs")) {
      if (disk.exists(workspace / "runs" / entry.name / "lease") && files.lease_alive(RunUuid::parse(entry.name))) {
        fail("{}: run {} is at work; end it first", workspace.string(), entry.name);
      }
    }
  }
  const auto with = [](fs::path path, const char* suffix) { return path += suffix; };
  const fs::path ledger = workspace / "ledger.db", target = workspace / "ledger.db.rebuilt";
  for (const char* suffix : {"", "-wal", "-shm"}) disk.remove(with(target, suffix));
  ReplacedLedger result;
  result.report = rebuild(disk, workspace, target);
  if (result.report.records() == 0 && disk.exists(ledger)) {
    const std::optional<std::int64_t> told = told_by(ledger);
    if (told.value_or(0) > 0) {
      disk.remove(target);
      fail(
          "{}: no sealed record lies in objects/, while ledger.db tells of {} runs and adoptions: a rebuilt ledger would be "
          "empty; ledger.db stays. Bring objects/ back first",
          workspace.string(), *told);
    }
    if (!told) result.report.problems.push_back("objects/: no sealed record; a rebuilt ledger would be empty");
  }
  if (!result.report.problems.empty() && !anyway) {
    disk.remove(target);
    return result;
  }
  if (disk.exists(ledger)) {
    for (int i = 1; result.kept.empty() || disk.exists(result.kept); ++i)
      result.kept = with(ledger, fmt::format(".before-{}", i).c_str());
    // What the log holds belongs to the old ledger, and must not be taken for the new one's.
    for (const char* suffix : {"-wal", "-shm", ""}) {
      if (disk.exists(with(ledger, suffix))) disk.rename(with(ledger, suffix), with(result.kept, suffix));
    }
  }
  disk.rename(target, ledger);
  disk.sync_directory(workspace);
  result.replaced = true;
  return result;
}

}  // namespace cairn::lineage
