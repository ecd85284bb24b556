// Runs: their states, from start to the one transaction that makes them done (spec/lineage.md §2.4, 2.5).
#include <algorithm>
#include <random>

#include "base/error.h"
#include "base/json.h"
#include "lineage/rows.h"
#include "lineage/run_files.h"

namespace cairn::lineage {

namespace {

void require_canonical_object(const std::string& text, const std::string& what) {
  const Json value = parse_json(text, what);
  if (!value.is_object() || canonical_json(value) != text) fail("{}: not the canonical JSON text of an object", what);
}

bool is_open(RunState state) {
  return state == RunState::planned || state == RunState::running || state == RunState::sealing;
}

void require_ref_name(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' ||
           c == '/';
  };
  if (name.empty() || !std::all_of(name.begin(), name.end(), allowed)) {
    fail_usage("'{}' cannot be a name; use letters, digits and . _ - /", name);
  }
}

// The next generation of a name, or none when it points at the artifact already.
std::optional<RecordedRef> next_ref(Database& database, const std::string& name, const Digest& artifact) {
  require_ref_name(name);
  Query current = database.query(
      "SELECT r.generation, a.digest FROM ref r JOIN artifact a ON a.id = r.artifact WHERE r.name = ?1 ORDER BY r.generation "
      "DESC LIMIT 1",
      name);
  if (!current.next()) return RecordedRef{name, 1, artifact};
  if (current.digest(1) == artifact) return std::nullopt;
  return RecordedRef{name, static_cast<int>(current.integer(0)) + 1, artifact};
}

}  // namespace

RunUuid RunUuid::make(std::int64_t microseconds) {
  // RFC 9562 §5.7: 48 bits of milliseconds, then (method 3) 12 bits of the fraction of a millisecond, then 62 random bits.
  std::random_device random;
  const auto ms = static_cast<std::uint64_t>(microseconds / 1000);
  const auto fraction = static_cast<std::uint64_t>((microseconds % 1000) * 4096 / 1000);
  const std::uint64_t low = (std::uint64_t{random()} << 32) | random();
  const std::uint64_t high = (ms << 16) | 0x7000 | fraction;
  RunUuid uuid;
  for (std::size_t i = 0; i < 8; ++i) {
    uuid.bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
    uuid.bytes[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
  }
  uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3f) | 0x80);
  return uuid;
}

RunUuid RunUuid::parse(std::string_view text) {
  RunUuid uuid;
  std::size_t nibble = 0;
  bool good = text.size() == 36;
  for (std::size_t i = 0; good && i < text.size(); ++i) {
    const char c = text[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      good = c == '-';
      continue;
    }
    const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    good = value >= 0;
    if (good) uuid.bytes[nibble / 2] = static_cast<std::uint8_t>(uuid.bytes[nibble / 2] << 4 | value);
    ++nibble;
  }
  if (!good) fail("'{}' is not a run's uuid (8-4-4-4-12 lower-case hex digits)", text);
  return uuid;
}

std::string RunUuid::text() const {
  const std::string hex = to_hex(bytes);
  const auto part = [&](std::size_t at, std::size_t size) { return std::string_view(hex).substr(at, size); };
  return fmt::format("{}-{}-{}-{}-{}", part(0, 8), part(8, 4), part(12, 4), part(16, 4), part(20, 12));
}

const char* run_state_name(RunState state) {
  constexpr std::array names = {"planned", "running", "sealing", "done", "failed", "aborted", "lost"};
  return names.at(static_cast<std::size_t>(state));
}

const char* trust_name(Trust trust) {
  constexpr std::array names = {"recorded", "declared", "unknown"};
  return names.at(static_cast<std::size_t>(trust));
}

Ledger::Ledger(Database& database, RunFiles& files) : database_(database), files_(files) {}

Database& Ledger::database() {
  return database_;
}

RunId Ledger::start_run(const NewRun& run) {
  require_canonical_object(run.config, run.op + ": config");
  require_canonical_object(run.runtime, run.op + ": runtime");
  require_canonical_object(run.environment, run.op + ": environment");
  if (run.determinism < 0 || run.determinism > 3) fail("{}: determinism level {} is not one of 0..3", run.op, run.determinism);

  files_.take_lease(run.uuid);  // before the row: a row without a lease is a lost run
  Transaction transaction(database_, "start a run");
  RecordedRun recorded{.start = run};
  for (const RunInput& input : run.inputs)
    recorded.inputs.push_back({input.role, input.ordinal, artifact(input.artifact).digest});
  if (run.attempt_of) recorded.attempt_of = this->run(*run.attempt_of).uuid;
  if (run.reproduction_of) recorded.reproduction_of = this->run(*run.reproduction_of).uuid;
  const RunId id = put_run(database_, recorded);
  const Digest action = action_key(recipe_key(run, recorded.inputs), run.determinism_class);
  append_journal(database_, run.started, "run.started",
                 canonical_json({{"run", run.uuid.text()}, {"op", run.op}, {"action", action.hex()}}));
  transaction.commit();
  return id;
}

void Ledger::begin_sealing(RunId id) {
  Transaction transaction(database_, "begin sealing");
  const Run run = this->run(id);
  if (run.state != RunState::running) fail("run {} ({}) is {}, not running", id, run.op, run_state_name(run.state));
  database_.execute("UPDATE run SET state = ?2 WHERE id = ?1", id, static_cast<int>(RunState::sealing));
  append_journal(database_, run.started, "run.sealing", canonical_json({{"run", run.uuid.text()}}));
  transaction.commit();
}

void Ledger::finish_run(RunId id, const std::vector<SealedOutput>& outputs, const std::vector<Posting>& postings,
                        const std::map<std::string, std::string>& refs, const std::string& note, std::int64_t ended) {
  Transaction transaction(database_, "finish a run");
  const Run run = this->run(id);
  if (run.state != RunState::sealing) fail("run {} ({}) is {}, not sealing", id, run.op, run_state_name(run.state));
  Record record{.time = std::max(ended, run.started), .run = recorded(run)};
  record.run->state = RunState::done;
  record.run->note = note;
  record.run->outputs = outputs;
  record.run->postings = postings;
  for (const auto& [name, role] : refs) {
    const auto output = std::find_if(outputs.begin(), outputs.end(),
                                     [&wanted = role](const SealedOutput& o) { return o.role == wanted && o.ordinal == 0; });
    if (output == outputs.end()) fail("{}: name '{}' wants output '{}', which the run does not have", run.op, name, role);
    if (std::optional<RecordedRef> ref = next_ref(database_, name, output->content.digest))
      record.refs.push_back(std::move(*ref));
  }
  this->record(record);
  transaction.commit();
  files_.drop_lease(run.uuid);
  files_.remove_staging(run.uuid);
}

bool Ledger::finish_from_record(RunId id, const std::function<bool(const Digest&)>& has_object) {
  Transaction transaction(database_, "finish a run from its record");
  const Run run = this->run(id);
  if (run.state != RunState::sealing) return false;
  const std::optional<std::string> text = files_.record_text(run.uuid);
  if (!text) return false;
  Record record;
  try {
    record = parse_record(*text, run.uuid.text() + "/record.json");
  } catch (const Error&) {
    return false;
  }
  const bool whole = record.run && record.run->start.uuid == run.uuid && record.run->state == RunState::done &&
                     recipe_key(record.run->start, record.run->inputs) == run.recipe &&
                     std::all_of(record.run->outputs.begin(), record.run->outputs.end(),
                                 [&](const SealedOutput& output) { return has_object(output.content.digest); });
  if (!whole) return false;
  // Other runs may have moved the same names since: generations are given anew.
  std::vector<RecordedRef> refs;
  for (const RecordedRef& ref : record.refs) {
    if (std::optional<RecordedRef> next = next_ref(database_, ref.name, ref.artifact)) refs.push_back(std::move(*next));
  }
  record.refs = std::move(refs);
  this->record(record);
  transaction.commit();
  files_.drop_lease(run.uuid);
  files_.remove_staging(run.uuid);
  return true;
}

void Ledger::end_run(RunId id, RunState state, const std::string& note, std::int64_t ended) {
  if (state != RunState::failed && state != RunState::aborted && state != RunState::lost) {
    fail("a run ends as failed, aborted or lost, not as {}", run_state_name(state));
  }
  Transaction transaction(database_, "end a run");
  const Run run = this->run(id);
  if (!is_open(run.state)) fail("run {} ({}) ended already: {}", id, run.op, run_state_name(run.state));
  Record record{.time = std::max(ended, run.started), .run = recorded(run)};
  record.run->state = state;
  record.run->note = note;
  this->record(record);
  transaction.commit();
  files_.drop_lease(run.uuid);
  files_.remove_staging(run.uuid);
}

void Ledger::move_ref(const std::string& name, ArtifactId id, std::int64_t now) {
  Transaction transaction(database_, "move a name");
  std::optional<RecordedRef> ref = next_ref(database_, name, artifact(id).digest);
  if (!ref) return;
  Record record{.time = now, .refs = {std::move(*ref)}};
  this->record(record);
  transaction.commit();
}

void Ledger::record(Record& record) {
  record.journal = next_place(database_);
  const Content sealed =
      files_.seal_record(record_text(record), record.run ? std::optional(record.run->start.uuid) : std::nullopt);
  apply_record(database_, record, sealed);
  append_journal(database_, record.time, record.event(), record.journal_body(sealed.digest));
}

RecordedRun Ledger::recorded(const Run& run) const {
  RecordedRun recorded{.start = {.uuid = run.uuid,
                                 .op = run.op,
                                 .op_version = run.op_version,
                                 .config = run.config,
                                 .runtime = run.runtime,
                                 .seed = run.seed,
                                 .determinism = run.determinism,
                                 .determinism_class = run.determinism_class,
                                 .environment = run.environment,
                                 .code = run.code,
                                 .revision = run.revision,
                                 .started = run.started}};
  for (const RunInput& input : run.inputs)
    recorded.inputs.push_back({input.role, input.ordinal, artifact(input.artifact).digest});
  if (run.attempt_of) recorded.attempt_of = this->run(*run.attempt_of).uuid;
  if (run.reproduction_of) recorded.reproduction_of = this->run(*run.reproduction_of).uuid;
  return recorded;
}

}  // namespace cairn::lineage
