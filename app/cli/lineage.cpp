// cairn upstream, cairn downstream: what an artifact comes from, and what came of it.
#include "app/cli/cli.h"
#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "base/format.h"
#include "base/json.h"
#include "lineage/workspace.h"

namespace cairn::app {
namespace {

enum class Direction { up, down };

ExitCode list_related(Session& session, const std::string& text, Direction direction) {
  const lineage::Ledger& ledger = session.workspace_for_reading().ledger();
  const lineage::Artifact origin = ledger.resolve(text);
  const auto related = direction == Direction::up ? ledger.upstream(origin.id) : ledger.downstream(origin.id);
  if (session.json()) {
    Json list = Json::array();
    for (const auto& step : related) {
      Json json = artifact_json(ledger, ledger.artifact(step.artifact));
      json["distance"] = step.distance;
      const auto run = ledger.producer(step.artifact);
      json["step"] = run ? Json(run->op) : Json(nullptr);
      list.push_back(std::move(json));
    }
    print_json(list);
    return ExitCode::done;
  }
  if (related.empty()) {
    fmt::print("{} {}\n", artifact_label(ledger, origin.id),
               direction == Direction::up ? "comes from nothing that is recorded" : "was not used by any run");
    return ExitCode::done;
  }
  TextTable table({"away", "artifact", "kind", "size", "made by", "digest"});
  for (const auto& step : related) {
    const lineage::Artifact artifact = ledger.artifact(step.artifact);
    const auto run = ledger.producer(step.artifact);
    const std::string maker = run ? fmt::format("run {}, {}", run->id, run->op)
                                  : fmt::format("adopted ({})", lineage::trust_name(ledger.trust(step.artifact)));
    table.add({std::to_string(step.distance), artifact_label(ledger, artifact.id), artifact.kind, format_bytes(artifact.bytes),
               maker, artifact.digest.short_hex()});
  }
  fmt::print("{}", table.render(terminal_width()));
  return ExitCode::done;
}

void add_direction(CommandLine& line, Session& session, const char* name, const char* summary, Direction direction) {
  auto artifact = std::make_shared<std::string>();
  line.verb(name, Phase::look, summary)
      .positional(*artifact, "ARTIFACT", "a name (base, base@3, clean.report), or a digest's first letters")
      .run([&session, artifact, direction] { return list_related(session, *artifact, direction); });
}

}  // namespace

void add_upstream(CommandLine& line, Session& session) {
  add_direction(line, session, "upstream", "everything that an artifact comes from", Direction::up);
}

void add_downstream(CommandLine& line, Session& session) {
  add_direction(line, session, "downstream", "everything that came of an artifact", Direction::down);
}

}  // namespace cairn::app
