// The audit of a workspace: database, journal, graph, names.  Bytes are in audit_objects.cpp.
#include "lineage/audit.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "lineage/audit_objects.h"
#include "lineage/database.h"
#include "lineage/record.h"
#include "lineage/rows.h"

namespace cairn::lineage {

namespace {

constexpr std::int64_t kLargestReport = 16'000'000;

class WorkspaceAudit {
 public:
  WorkspaceAudit(Workspace& workspace, const AuditOptions& options, AuditReport& report)
      : workspace_(workspace), ledger_(workspace.ledger()), database_(ledger_.database()), options_(options), report_(report) {}

  void run() {
    part("ledger.db", [&] { check_database(); });
    part("journal", [&] { check_journal(); });
    part("objects", [&] { audit_objects(workspace_, options_, report_); });
    part("graph", [&] { check_graph(); });
    part("run records", [&] { check_records(); });
    part("names", [&] { check_names(); });
    part("licences", [&] { check_licences(); });
    if (options_.policy) {
      for (Finding& finding : options_.policy(workspace_)) report_.findings.push_back(std::move(finding));
    }
  }

 private:
  // A damaged database may fail at any query: that is a finding, and the other parts are still checked.
  template <typename Fn>
  void part(const std::string& name, Fn fn) {
    try {
      fn();
    } catch (const Error& error) {
      report_.findings.push_back(
          {.code = "LIN-0102",
           .object = name,
           .reason = error.what(),
           .remedy = "make the ledger again from its records with: cairn rebuild, or put it back from a copy"});
    }
  }

  void check_database() {
    for (const std::string& damage : database_.check(false)) {
      report_.findings.push_back(
          {.code = "LIN-0101",
           .object = "ledger.db",
           .reason = damage,
           .remedy = "make the ledger again from its records with: cairn rebuild, or put it back from a copy"});
    }
  }

  void check_journal() {
    const char* remedy = "history was changed outside of cairn: compare with the journal head of a release, or put a copy back";
    for (const std::string& broken : ledger_.verify_journal()) {
      report_.findings.push_back({.code = "LIN-0201", .object = "journal", .reason = broken, .remedy = remedy});
    }
    // A chain that was cut at its end still holds; the records that it would have named give that away.
    std::set<std::string> named;
    for (const JournalEntry& entry : ledger_.journal()) {
      ++report_.journal_entries;
      if (const std::size_t at = entry.body.find("\"record\":\""); at != std::string::npos)
        named.insert(entry.body.substr(at + 10, 64));
    }
    for (Query rows = database_.query(
             "SELECT a.digest FROM artifact a JOIN kind k ON k.id = a.kind WHERE k.name = 'run_record' ORDER BY a.id");
         rows.next();) {
      if (!named.contains(rows.digest(0).hex())) {
        report_.findings.push_back(
            {.code = "LIN-0202",
             .object = "journal",
             .reason = fmt::format("no entry names the record {}: entries are gone", rows.digest(0).short_hex()),
             .remedy = remedy});
      }
    }
  }

  void check_graph() {
    for (const auto& [sql, what] :
         {std::pair{"SELECT o.artifact, i.artifact, o.run FROM output o JOIN input i ON i.run = o.run JOIN run r ON r.id = o.run "
                    "WHERE r.state = 3 AND o.artifact <> i.artifact EXCEPT SELECT child, parent, run FROM edge",
                    "is missing"},
          std::pair{"SELECT child, parent, run FROM edge EXCEPT SELECT o.artifact, i.artifact, o.run FROM output o JOIN input i "
                    "ON i.run = o.run "
                    "JOIN run r ON r.id = o.run WHERE r.state = 3",
                    "belongs to no input and output"}}) {
      for (Query rows = database_.query(sql); rows.next();) {
        report_.findings.push_back(
            {.code = "LIN-0402",
             .object = fmt::format("run {}", rows.integer(2)),
             .reason = fmt::format("the edge from artifact {} to {} {}", rows.integer(1), rows.integer(0), what),
             .remedy = "make the ledger again from its records with: cairn rebuild"});
      }
    }
    for (Query rows = database_.query("SELECT a.digest, k.name FROM artifact a JOIN kind k ON k.id = a.kind WHERE a.id NOT IN "
                                      "(SELECT artifact FROM output) AND a.id NOT IN "
                                      "(SELECT artifact FROM adoption) AND a.id NOT IN (SELECT member FROM tree_entry) AND a.id "
                                      "NOT IN (SELECT record FROM run WHERE record IS "
                                      "NOT NULL) AND a.id NOT IN (SELECT record FROM adoption) AND k.name <> 'run_record'");
         rows.next();) {
      report_.findings.push_back({.code = "LIN-0403",
                                  .object = fmt::format("{} {}", rows.text(1), rows.digest(0).short_hex()),
                                  .reason = "no run made it and nobody adopted it",
                                  .remedy = "make the ledger again from its records with: cairn rebuild"});
    }
    for (Query rows = database_.query(
             "SELECT r.id, r.op, a.digest FROM input i JOIN run r ON r.id = i.run JOIN artifact a ON a.id = i.artifact "
             "WHERE a.created > r.started ORDER BY r.id");
         rows.next();) {
      report_.findings.push_back(
          {.code = "LIN-0404",
           .severity = Severity::warning,
           .object = fmt::format("run {} ({})", rows.integer(0), rows.text(1)),
           .reason = fmt::format("its input {} is first recorded after it began", rows.digest(2).short_hex()),
           .remedy = "a clock went backwards, or rows were changed; the journal tells the order"});
    }
    check_origins();
  }

  // From what was adopted and what needs no input, run by run: a run that is never reached reads what comes from itself, or from
  // nowhere.
  void check_origins() {
    std::map<ArtifactId, std::vector<ArtifactId>> members, trees;
    for (Query rows = database_.query("SELECT tree, member FROM tree_entry"); rows.next();) {
      members[rows.integer(0)].push_back(rows.integer(1));
    }
    std::set<ArtifactId> known;
    const auto learn = [&](ArtifactId id) {
      known.insert(id);
      if (const auto tree = members.find(id); tree != members.end()) known.insert(tree->second.begin(), tree->second.end());
    };
    for (Query rows = database_.query("SELECT artifact FROM adoption"); rows.next();) learn(rows.integer(0));
    std::vector<Run> waiting = ledger_.runs();
    report_.runs = waiting.size();
    std::erase_if(waiting, [](const Run& run) { return run.state != RunState::done; });
    std::reverse(waiting.begin(), waiting.end());
    for (bool moved = true; moved;) {
      moved = false;
      std::erase_if(waiting, [&](const Run& run) {
        if (!std::all_of(run.inputs.begin(), run.inputs.end(),
                         [&](const RunInput& input) { return known.contains(input.artifact); }))
          return false;
        for (const RunOutput& output : run.outputs) learn(output.artifact);
        return moved = true;
      });
    }
    for (const Run& run : waiting) {
      report_.findings.push_back({.code = "LIN-0401",
                                  .object = fmt::format("run {} ({})", run.id, run.op),
                                  .reason = "it reads what comes from itself, or from nowhere",
                                  .remedy = "rows were changed: make the ledger again from its records with: cairn rebuild"});
    }
  }

  void check_records() {
    for (Query rows = database_.query("SELECT r.id, r.op, a.digest FROM run r JOIN artifact a ON a.id = r.record ORDER BY r.id");
         rows.next();) {
      const std::string object = fmt::format("run {} ({})", rows.integer(0), rows.text(1));
      const fs::path path = workspace_.store().path_of(rows.digest(2));
      if (!fs::exists(path)) continue;  // found missing by the check of objects
      std::string reason;
      try {
        const Record record = parse_record(read_file(path), path.filename().string());
        if (!record.run || !agrees(ledger_.run(rows.integer(0)), *record.run, record.time))
          reason = "its rows differ from its sealed record";
      } catch (const Error& error) {
        reason = error.what();
      }
      if (!reason.empty()) {
        report_.findings.push_back({.code = "LIN-0405",
                                    .object = object,
                                    .reason = reason,
                                    .remedy = "make the ledger again from its records with: cairn rebuild"});
      }
    }
  }

  bool agrees(const Run& run, const RecordedRun& record, std::int64_t ended) const {
    if (run.uuid != record.start.uuid || run.recipe != recipe_key(record.start, record.inputs) || run.state != record.state ||
        run.ended != ended || run.op != record.start.op || run.config != record.start.config ||
        run.runtime != record.start.runtime || run.seed != record.start.seed || run.environment != record.start.environment ||
        run.code != record.start.code || run.note != record.note || run.started != record.start.started ||
        run.action != action_key(run.recipe, record.start.determinism_class) || run.inputs.size() != record.inputs.size() ||
        run.outputs.size() != record.outputs.size()) {
      return false;
    }
    return std::all_of(record.outputs.begin(), record.outputs.end(),
                       [&](const SealedOutput& sealed) {
                         return std::any_of(run.outputs.begin(), run.outputs.end(), [&](const RunOutput& output) {
                           return output.role == sealed.role && output.ordinal == sealed.ordinal &&
                                  ledger_.artifact(output.artifact).digest == sealed.content.digest;
                         });
                       }) &&
           std::all_of(record.inputs.begin(), record.inputs.end(), [&](const RecordedInput& recorded) {
             return std::any_of(run.inputs.begin(), run.inputs.end(), [&](const RunInput& input) {
               return input.role == recorded.role && input.ordinal == recorded.ordinal &&
                      ledger_.artifact(input.artifact).digest == recorded.digest;
             });
           });
  }

  void check_names() {
    for (Query rows =
             database_.query("SELECT name, count(*), max(generation) FROM ref GROUP BY name HAVING count(*) <> max(generation)");
         rows.next();) {
      report_.findings.push_back({.code = "LIN-0501",
                                  .object = rows.text(0),
                                  .reason = fmt::format("{} of its {} generations are there", rows.integer(1), rows.integer(2)),
                                  .remedy = "make the ledger again from its records with: cairn rebuild"});
    }
  }

  // What the reports of what came in count: JSON files with a table "by_licence".
  void check_licences() {
    for (Query rows = database_.query(
             "SELECT a.id, a.bytes FROM artifact a JOIN kind k ON k.id = a.kind WHERE k.name = 'report' AND a.is_tree = 0");
         rows.next();) {
      if (rows.integer(1) > kLargestReport) continue;
      try {
        const fs::path path = workspace_.path_of(rows.integer(0));
        const Json report = parse_json(read_file(path), path.filename().string());
        for (const auto& [licence, tally] : report.at("by_licence").items()) {
          report_.licences[licence] += tally.at("documents").get<std::int64_t>();
        }
      } catch (const std::exception&) {
        // Another report, or one that is found missing or damaged by the check of objects.
      }
    }
    judge_licences(options_.allowed_licences, report_);
  }

  Workspace& workspace_;
  Ledger& ledger_;
  Database& database_;
  const AuditOptions& options_;
  AuditReport& report_;
};

}  // namespace

AuditReport audit_workspace(Workspace& workspace, const AuditOptions& options) {
  AuditReport report{.subject = workspace.folder().string(), .findings = {}, .key_id = {}};
  WorkspaceAudit(workspace, options, report).run();
  std::stable_sort(report.findings.begin(), report.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
  return report;
}

}  // namespace cairn::lineage
