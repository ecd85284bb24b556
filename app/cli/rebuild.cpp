// cairn rebuild: the ledger made again from the sealed records in objects/.
#include "lineage/rebuild.h"

#include "app/cli/cli.h"
#include "app/cli/verbs.h"
#include "base/json.h"

namespace cairn::app {
namespace {

ExitCode rebuild(Session& session, bool anyway) {
  const lineage::ReplacedLedger result = lineage::replace_ledger(real_disk(), session.workspace_folder(), anyway);
  const lineage::RebuildReport& report = result.report;
  if (session.json()) {
    print_json({{"replaced", result.replaced},
                {"kept", result.kept.filename().string()},
                {"runs", report.runs},
                {"adoptions", report.adoptions},
                {"moves", report.moves},
                {"problems", report.problems}});
  } else {
    for (const std::string& problem : report.problems) fmt::print("{}\n", problem);
    fmt::print("{} runs, {} adoptions, {} moves of names from their records\n", report.runs, report.adoptions, report.moves);
    if (!result.replaced) {
      fmt::print("left ledger.db as it is; --anyway takes what could be read\n");
    } else if (!result.kept.empty()) {
      fmt::print("the ledger from before is {}\n", result.kept.filename().string());
    }
  }
  return result.replaced ? ExitCode::done : ExitCode::failed;
}

}  // namespace

void add_rebuild(CommandLine& line, Session& session) {
  auto anyway = std::make_shared<bool>(false);
  line.verb("rebuild", Phase::prove, "make a damaged or lost ledger again from the sealed records")
      .flag(*anyway, "--anyway", "also when records are damaged or missing")
      .run([&session, anyway] { return rebuild(session, *anyway); });
}

}  // namespace cairn::app
