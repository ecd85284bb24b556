#include "lineage/record.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/json.h"

namespace cairn::lineage {

namespace {

constexpr std::array kEndStates = {RunState::done, RunState::failed, RunState::aborted, RunState::lost};

// Typed reading with errors that name the record and the place inside it.
class Reader {
 public:
  Reader(const Json& value, std::string place, std::string_view origin)
      : value_(value), place_(std::move(place)), origin_(origin) {}

  [[noreturn]] void fail_here(std::string_view expected) const { fail("{}: {}: expected {}", origin_, place_, expected); }

  bool has(const char* key) const { return value_.is_object() && value_.contains(key) && !value_.at(key).is_null(); }
  Reader at(const char* key) const {
    if (!value_.is_object() || !value_.contains(key)) fail("{}: {}: '{}' is missing", origin_, place_, key);
    return Reader(value_.at(key), place_ + "." + key, origin_);
  }
  std::vector<Reader> list() const {
    if (!value_.is_array()) fail_here("a list");
    std::vector<Reader> items;
    for (std::size_t i = 0; i < value_.size(); ++i) items.emplace_back(value_[i], fmt::format("{}[{}]", place_, i), origin_);
    return items;
  }
  std::string text() const {
    if (!value_.is_string()) fail_here("a string");
    return value_.get<std::string>();
  }
  std::int64_t integer(std::int64_t low = std::numeric_limits<std::int64_t>::min()) const {
    if (!value_.is_number_integer() || (value_.is_number_unsigned() && value_.get<std::uint64_t>() > INT64_MAX))
      fail_here("an integer");
    const auto number = value_.get<std::int64_t>();
    if (number < low) fail_here(fmt::format("an integer >= {}", low));
    return number;
  }
  int small(std::int64_t low) const {
    const std::int64_t number = integer(low);
    if (number > 1'000'000'000) fail_here("a smaller integer");
    return static_cast<int>(number);
  }
  std::uint64_t unsigned_integer() const {
    if (!value_.is_number_integer() || (!value_.is_number_unsigned() && value_.get<std::int64_t>() < 0))
      fail_here("an integer >= 0");
    return value_.get<std::uint64_t>();
  }
  bool boolean() const {
    if (!value_.is_boolean()) fail_here("true or false");
    return value_.get<bool>();
  }
  Digest digest() const {
    const std::string hex = text();
    if (hex.size() != 64 || hex.find_first_not_of("0123456789abcdef") != std::string::npos) fail_here("64 hex digits");
    return Digest::from_hex(hex);
  }
  RunUuid uuid() const {
    try {
      return RunUuid::parse(text());
    } catch (const Error&) {
      fail_here("a uuid");
    }
  }
  std::string object_text() const {
    if (!value_.is_object()) fail_here("an object");
    return canonical_json(value_);
  }
  std::string place() const { return place_; }

 private:
  const Json& value_;
  std::string place_;
  std::string_view origin_;
};

Json artifact_json(const SealedOutput& output) {
  Json json{{"kind", output.kind},
            {"digest", output.content.digest.hex()},
            {"bytes", output.content.bytes},
            {"items", output.items},
            {"meta", parse_json(output.meta, "meta")}};
  if (output.content.is_tree) {
    Json files = Json::array();
    for (const TreeEntry& entry : output.content.entries) {
      Json file{{"path", entry.path}, {"digest", entry.digest.hex()}, {"bytes", entry.bytes}};
      if (entry.executable) file["executable"] = true;
      files.push_back(std::move(file));
    }
    json["files"] = std::move(files);
  }
  return json;
}

SealedOutput read_artifact(const Reader& reader) {
  SealedOutput output;
  output.kind = reader.at("kind").text();
  output.content.digest = reader.at("digest").digest();
  output.content.bytes = reader.at("bytes").unsigned_integer();
  output.items = reader.at("items").integer(0);
  output.meta = reader.at("meta").object_text();
  if (!reader.has("files")) return output;

  output.content.is_tree = true;
  std::uint64_t bytes = 0;
  for (const Reader& file : reader.at("files").list()) {
    TreeEntry entry{.path = file.at("path").text(),
                    .digest = file.at("digest").digest(),
                    .bytes = file.at("bytes").unsigned_integer(),
                    .executable = file.has("executable") && file.at("executable").boolean()};
    bytes += entry.bytes;
    output.content.entries.push_back(std::move(entry));
  }
  if (sha256(tree_manifest(output.content.entries)) != output.content.digest)
    reader.at("digest").fail_here("the digest of the files listed");
  if (bytes != output.content.bytes) reader.at("bytes").fail_here(fmt::format("{}, the sum of the files", bytes));
  return output;
}

Json run_json(const RecordedRun& run) {
  const NewRun& start = run.start;
  Json inputs = Json::array();
  for (const RecordedInput& input : run.inputs) {
    inputs.push_back({{"role", input.role}, {"ordinal", input.ordinal}, {"digest", input.digest.hex()}});
  }
  Json outputs = Json::array();
  for (const SealedOutput& output : run.outputs) {
    Json json = artifact_json(output);
    json["role"] = output.role;
    json["ordinal"] = output.ordinal;
    outputs.push_back(std::move(json));
  }
  Json postings = Json::array();
  for (const Posting& posting : run.postings) {
    postings.push_back({{"source", posting.source},
                        {"shard", posting.shard.hex()},
                        {"first", posting.first},
                        {"documents", posting.documents},
                        {"tokens", posting.tokens}});
  }
  const Digest recipe = recipe_key(start, run.inputs);
  Json json{{"uuid", start.uuid.text()},
            {"op", start.op},
            {"op_version", start.op_version},
            {"config", parse_json(start.config, "config")},
            {"runtime", parse_json(start.runtime, "runtime")},
            {"environment", parse_json(start.environment, "environment")},
            {"seed", start.seed},
            {"determinism", start.determinism},
            {"determinism_class", start.determinism_class},
            {"code", start.code.hex()},
            {"revision", start.revision},
            {"started", start.started},
            {"recipe", recipe.hex()},
            {"action", action_key(recipe, start.determinism_class).hex()},
            {"state", run_state_name(run.state)},
            {"note", run.note},
            {"inputs", std::move(inputs)},
            {"outputs", std::move(outputs)},
            {"postings", std::move(postings)}};
  if (run.attempt_of) json["attempt_of"] = run.attempt_of->text();
  if (run.reproduction_of) json["reproduction_of"] = run.reproduction_of->text();
  return json;
}

RecordedRun read_run(const Reader& reader) {
  RecordedRun run;
  NewRun& start = run.start;
  start.uuid = reader.at("uuid").uuid();
  start.op = reader.at("op").text();
  start.op_version = reader.at("op_version").small(0);
  start.config = reader.at("config").object_text();
  start.runtime = reader.at("runtime").object_text();
  start.environment = reader.at("environment").object_text();
  start.seed = reader.at("seed").unsigned_integer();
  start.determinism = reader.at("determinism").small(0);
  if (start.determinism > 3) reader.at("determinism").fail_here("a level 0..3");
  start.determinism_class = reader.at("determinism_class").text();
  start.code = reader.at("code").digest();
  start.revision = reader.at("revision").text();
  start.started = reader.at("started").integer(0);
  if (reader.has("attempt_of")) run.attempt_of = reader.at("attempt_of").uuid();
  if (reader.has("reproduction_of")) run.reproduction_of = reader.at("reproduction_of").uuid();
  run.note = reader.at("note").text();

  const std::string state = reader.at("state").text();
  const auto found = std::find_if(kEndStates.begin(), kEndStates.end(), [&](RunState s) { return state == run_state_name(s); });
  if (found == kEndStates.end()) reader.at("state").fail_here("done, failed, aborted or lost");
  run.state = *found;

  for (const Reader& input : reader.at("inputs").list()) {
    run.inputs.push_back({input.at("role").text(), input.at("ordinal").small(0), input.at("digest").digest()});
  }
  for (const Reader& item : reader.at("outputs").list()) {
    SealedOutput output = read_artifact(item);
    output.role = item.at("role").text();
    output.ordinal = item.at("ordinal").small(0);
    run.outputs.push_back(std::move(output));
  }
  for (const Reader& posting : reader.at("postings").list()) {
    run.postings.push_back({posting.at("source").text(), posting.at("shard").digest(), posting.at("first").integer(0),
                            posting.at("documents").integer(0), posting.at("tokens").integer(0)});
  }
  const Digest recipe = recipe_key(start, run.inputs);
  if (reader.at("recipe").digest() != recipe)
    reader.at("recipe").fail_here(fmt::format("{}, which follows from the fields", recipe.hex()));
  const Digest action = action_key(recipe, start.determinism_class);
  if (reader.at("action").digest() != action)
    reader.at("action").fail_here(fmt::format("{}, which follows from the fields", action.hex()));
  return run;
}

}  // namespace

std::string Record::event() const {
  if (run) return fmt::format("run.{}", run_state_name(run->state));
  return adoption ? "artifact.adopted" : "ref.moved";
}

std::string Record::journal_body(const Digest& digest) const {
  Json body{{"record", digest.hex()}};
  if (run) body["run"] = run->start.uuid.text();
  if (adoption) body["artifact"] = adoption->artifact.content.digest.hex();
  for (const RecordedRef& ref : refs) body["refs"][ref.name] = {{"generation", ref.generation}, {"artifact", ref.artifact.hex()}};
  return canonical_json(body);
}

std::string record_text(const Record& record) {
  Json entries = Json::array();
  for (const JournalEntry& entry : record.journal.entries) {
    entries.push_back({{"seq", entry.seq},
                       {"time", entry.time},
                       {"event", entry.event},
                       {"body", entry.body},
                       {"previous", entry.previous.hex()},
                       {"hash", entry.hash.hex()}});
  }
  Json refs = Json::array();
  for (const RecordedRef& ref : record.refs) {
    refs.push_back({{"name", ref.name}, {"generation", ref.generation}, {"artifact", ref.artifact.hex()}});
  }
  Json json{
      {"_record", "cairn/1"},
      {"journal", {{"seq", record.journal.seq}, {"previous", record.journal.previous.hex()}, {"entries", std::move(entries)}}},
      {"time", record.time},
      {"refs", std::move(refs)}};
  if (record.run) json["run"] = run_json(*record.run);
  if (record.adoption) {
    const RecordedAdoption& adoption = *record.adoption;
    json["adoption"] = {{"artifact", artifact_json(adoption.artifact)},
                        {"path", adoption.path},
                        {"trust", trust_name(adoption.trust)},
                        {"claim", adoption.claim}};
  }
  return canonical_json(json);
}

Record parse_record(std::string_view text, std::string_view origin) {
  if (!text.starts_with(kRecordPrefix)) fail("{}: not a run record (it must begin with {})", origin, kRecordPrefix);
  const Json json = parse_json(text, origin);
  const Reader reader(json, "record", origin);
  Record record;
  const Reader journal = reader.at("journal");
  record.journal.seq = journal.at("seq").integer(1);
  record.journal.previous = journal.at("previous").digest();
  for (const Reader& entry : journal.at("entries").list()) {
    record.journal.entries.push_back({entry.at("seq").integer(1), entry.at("time").integer(), entry.at("event").text(),
                                      entry.at("body").text(), entry.at("previous").digest(), entry.at("hash").digest()});
  }
  record.time = reader.at("time").integer(0);
  for (const Reader& ref : reader.at("refs").list()) {
    record.refs.push_back({ref.at("name").text(), ref.at("generation").small(1), ref.at("artifact").digest()});
  }
  if (reader.has("run")) record.run = read_run(reader.at("run"));
  if (reader.has("adoption")) {
    const Reader adoption = reader.at("adoption");
    RecordedAdoption& adopted = record.adoption.emplace();
    adopted.artifact = read_artifact(adoption.at("artifact"));
    adopted.path = adoption.at("path").text();
    const std::string trust = adoption.at("trust").text();
    if (trust != trust_name(Trust::declared) && trust != trust_name(Trust::unknown))
      adoption.at("trust").fail_here("declared or unknown");
    adopted.trust = trust == trust_name(Trust::declared) ? Trust::declared : Trust::unknown;
    adopted.claim = adoption.at("claim").text();
  }
  if (record.run && record.adoption) fail("{}: record: a run and an adoption in one", origin);
  if (!record.run && !record.adoption && record.refs.empty()) fail("{}: record: nothing is recorded in it", origin);
  const std::string written = record_text(record);
  if (written != text) {
    const auto differs = std::mismatch(written.begin(), written.end(), text.begin(), text.end()).second - text.begin();
    fail("{}: byte {}: a record has one text, and this is another: a field that is not known, or another form", origin, differs);
  }
  return record;
}

Digest recipe_key(const NewRun& run, const std::vector<RecordedInput>& inputs) {
  std::vector<const RecordedInput*> sorted;
  for (const RecordedInput& input : inputs) sorted.push_back(&input);
  std::sort(sorted.begin(), sorted.end(), [](const RecordedInput* a, const RecordedInput* b) {
    return std::tie(a->role, a->ordinal) < std::tie(b->role, b->ordinal);
  });
  Sha256 hash;
  hash.field("cairn recipe 1").field(run.op).field(std::int64_t{run.op_version}).field(run.config);
  hash.field(static_cast<std::int64_t>(sorted.size()));
  for (const RecordedInput* input : sorted)
    hash.field(input->role).field(std::int64_t{input->ordinal}).field(input->digest.hex());
  hash.field(static_cast<std::int64_t>(run.seed));
  return hash.finish();
}

Digest recipe_key(const NewRun& run, const std::map<ArtifactId, Digest>& digests) {
  std::vector<RecordedInput> inputs;
  for (const RunInput& input : run.inputs) {
    const auto found = digests.find(input.artifact);
    if (found == digests.end()) fail("recipe of '{}': the digest of input '{}' was not given", run.op, input.role);
    inputs.push_back({input.role, input.ordinal, found->second});
  }
  return recipe_key(run, inputs);
}

Digest action_key(const Digest& recipe, const std::string& determinism_class) {
  return Sha256().field("cairn action 1").field(recipe.hex()).field(determinism_class).finish();
}

}  // namespace cairn::lineage
