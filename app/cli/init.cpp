// cairn init: a workspace in a folder.
#include "app/cli/cli.h"
#include "app/cli/verbs.h"
#include "base/error.h"
#include "base/json.h"
#include "lineage/workspace.h"

namespace cairn::app {

void add_init(CommandLine& line, Session& session) {
  auto given = std::make_shared<std::string>();
  line.verb("init", Phase::begin, "make a workspace: where artifacts and their history live")
      .optional_positional(*given, "FOLDER", "made if it is not there (default: that of -C, or this folder)")
      .example("cairn init my-model", "then: cd my-model; cairn run PIPELINE.json")
      .run([&session, given] {
        if (!given->empty() && !session.workspace_option().empty()) fail_usage("init: a folder and -C: which of the two?");
        const std::string folder = !given->empty()                      ? *given
                                   : session.workspace_option().empty() ? "."
                                                                        : session.workspace_option();
        const fs::path path = fs::absolute(folder).lexically_normal();
        const std::string name = (path.filename().empty() ? path.parent_path() : path).filename().string();
        lineage::Workspace::create(real_disk(), path, name.empty() ? "workspace" : name);
        if (session.json()) {
          print_json({{"workspace", path.string()}, {"name", name}});
        } else {
          fmt::print("made the workspace '{}' in {}\n", name, folder);
        }
        return ExitCode::done;
      });
}

}  // namespace cairn::app
