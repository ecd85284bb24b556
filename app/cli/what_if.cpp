// cairn what-if PIPELINE --set STEP.config.KEY=VALUE: what other thresholds of a curation would drop and keep, before anything is
// written. The documents are those of the pipeline as it was run.
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "app/cli/cli.h"
#include "app/cli/layout.h"
#include "app/cli/verbs.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/data/what_if.h"
#include "engine/steps/action.h"
#include "engine/steps/executor.h"
#include "engine/steps/pipeline.h"

namespace cairn::app {
namespace {

struct WhatIfOptions {
  std::string pipeline, step;
  std::vector<std::string> settings;
  std::int64_t samples = 5;
};

// Removed at the end, whatever happens.
class ScratchFolder {
 public:
  explicit ScratchFolder(const fs::path& parent) {
    std::string name = parent / "cairn-what-if-XXXXXX";  // a name of its own, for this user alone: documents lie there meanwhile
    if (::mkdtemp(name.data()) == nullptr) fail("{}: {}", name, std::strerror(errno));
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

const steps::PipelineStep& curation_of(const steps::Pipeline& pipeline, const std::string& name) {
  const steps::PipelineStep* found = nullptr;
  for (const steps::PipelineStep& step : pipeline.steps) {
    if (step.spec->name != "curate" || (!name.empty() && step.name != name)) continue;
    if (found != nullptr)
      fail_usage("what-if: {} curates in steps '{}' and '{}'; say which with --step", pipeline.name, found->name, step.name);
    found = &step;
  }
  if (found == nullptr)
    fail_usage("what-if: {} has no step{} that curates", pipeline.name, name.empty() ? "" : fmt::format(" '{}'", name));
  return *found;
}

// The artifacts that the step reads, made already.
std::vector<steps::StepInput> documents_of(Session& session, const steps::PipelineStep& step,
                                           const std::vector<steps::StepResult>& results) {
  lineage::Workspace& workspace = session.workspace();
  std::vector<steps::StepInput> documents;
  for (const steps::Wire& wire : step.inputs.at("documents")) {
    if (steps::names_path(wire.text)) {
      documents.push_back({step.folder / wire.text, {}, "documents", wire.text, {}});
      continue;
    }
    lineage::ArtifactId id{};
    if (wire.step.empty()) {
      id = workspace.ledger().resolve(wire.text).id;
    } else {
      const auto made =
          std::find_if(results.begin(), results.end(), [&](const steps::StepResult& r) { return r.name == wire.step; });
      if (made == results.end() || !made->outputs.contains(wire.output))
        fail("what-if: '{}' has not run as the pipeline now says: cairn run it first", wire.step);
      id = made->outputs.at(wire.output);
    }
    documents.push_back(steps::open_artifact(workspace, workspace.ledger().artifact(id), wire.text, &session.threads()));
  }
  return documents;
}

std::vector<std::string> cells(const std::string& name, const data::GroupChange& group) {
  const auto text = [](const data::Change& change) {
    return change.documents == 0 ? std::string("-") : format_bytes(change.bytes);
  };
  const auto count = [](std::int64_t n) { return fmt::format("{}", n); };
  return {name,
          count(group.in),
          count(group.kept.documents),
          text(group.kept),
          count(group.lost.documents),
          text(group.lost),
          group.kept.documents == 0 ? "-"
                                    : fmt::format("{:.1f}%", 100.0 * static_cast<double>(group.lost.documents) /
                                                                 static_cast<double>(group.kept.documents)),
          count(group.gained.documents),
          text(group.gained)};
}

void print_groups(const std::string& title, const std::map<std::string, data::GroupChange>& groups) {
  TextTable table({title, "documents", "kept now", "text", "would go", "text", "share", "would come back", "text"});
  std::vector<std::pair<std::string, data::GroupChange>> rows(groups.begin(), groups.end());
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.second.lost.documents + a.second.gained.documents > b.second.lost.documents + b.second.gained.documents;
  });
  std::size_t others = 0;
  for (const auto& [name, group] : rows) {
    if (group.lost.documents + group.gained.documents > 0)
      table.add(cells(name, group));
    else
      ++others;
  }
  fmt::print("\n{}", table.render(terminal_width()));
  if (others > 0) fmt::print("{} others would stay as they are\n", others);
}

void print_report(const data::WhatIf& found) {
  const data::GroupChange& total = found.total;
  fmt::print("{} documents, {} kept now with {} of text; {} would go with {}, {} would come back with {}\n", total.in,
             total.kept.documents, format_bytes(total.kept.bytes), total.lost.documents, format_bytes(total.lost.bytes),
             total.gained.documents, format_bytes(total.gained.bytes));
  if (found.other_rule > 0) fmt::print("{} would be dropped by another rule than now\n", found.other_rule);
  if (found.by_rule.empty()) return;
  TextTable rules({"rule", "would drop", "text", "would let pass", "text"});
  for (const auto& [rule, group] : found.by_rule) {
    rules.add({rule, fmt::format("{}", group.lost.documents), format_bytes(group.lost.bytes),
               fmt::format("{}", group.gained.documents), format_bytes(group.gained.bytes)});
  }
  fmt::print("\n{}", rules.render(terminal_width()));
  print_groups("language", found.by_language);
  print_groups("source", found.by_source);
  if (!found.samples.empty()) fmt::print("\nsome of them:\n");
  for (const data::ChangedDocument& sample : found.samples) {
    print_wrapped(fmt::format("  {} {} ({}, {}): {}: {}", sample.lost ? "-" : "+", sample.url, sample.language,
                              format_bytes(sample.bytes), sample.rule, sample.reason));
    fmt::print("      {}\n", sample.begins);
  }
}

ExitCode what_if(Session& session, const WhatIfOptions& options) {
  if (options.settings.empty()) fail_usage("what-if: expected --set STEP.config.KEY=VALUE: what is to be tried");
  if (options.samples < 0 || options.samples > 1000) fail_usage("--samples {}: expected 0 to 1000", options.samples);
  const steps::Pipeline pipeline = steps::read_pipeline(options.pipeline, {}, session.steps());
  const steps::Pipeline changed = steps::read_pipeline(options.pipeline, options.settings, session.steps());
  const steps::PipelineStep& now = curation_of(pipeline, options.step);
  const steps::PipelineStep& then = curation_of(changed, now.name);
  if (now.config == then.config && now.seed == then.seed) fail_usage("what-if: this changes nothing of step '{}'", now.name);

  steps::Executor executor(session.workspace(), session.executor_settings());
  const std::vector<steps::StepResult> results = executor.run(pipeline, {.dry_run = true});
  const std::vector<steps::StepInput> documents = documents_of(session, now, results);
  const ScratchFolder scratch(fs::temp_directory_path());
  const auto decide = [&](const steps::PipelineStep& step, const char* name) {
    data::WhatIfSetup setup;
    setup.documents = documents;
    setup.config = &step.config;
    setup.runtime = &step.runtime;
    setup.folder = step.folder;
    setup.seed = step.seed;
    setup.scratch = scratch.path() / name;
    setup.threads = &session.threads();
    setup.stop = &session.stop();
    setup.progress_style = session.progress_style();
    return data::decide(setup);
  };
  const auto done = std::find_if(results.begin(), results.end(), [&](const steps::StepResult& r) { return r.name == now.name; });
  lineage::Workspace& workspace = session.workspace();
  const fs::path before = done != results.end() && done->outputs.contains("decisions")
                              ? workspace.path_of(done->outputs.at("decisions"))
                              : decide(now, "now");
  const data::WhatIf found =
      data::compare_decisions(before, decide(then, "then"), documents, static_cast<std::size_t>(options.samples));
  if (session.json())
    print_json(data::what_if_json(found));
  else
    print_report(found);
  return ExitCode::done;
}

}  // namespace

void add_what_if(CommandLine& line, Session& session) {
  auto options = std::make_shared<WhatIfOptions>();
  line.verb("what-if", Phase::look, "what other thresholds of a curation would drop, before anything is written")
      .positional(options->pipeline, "PIPELINE", "as it was run")
      .option(options->settings, "--set", "STEP.config.KEY=VALUE", "what is to be tried")
      .option(options->step, "--step", "STEP", "which curation, when there are several")
      .option(options->samples, "--samples", "N", "documents to show (default: 5)")
      .example("cairn what-if demo.json --set 'clean.config.filters[2].min_words=100'",
               "per rule, language and source; nothing is recorded")
      .run([&session, options] { return what_if(session, *options); });
}

}  // namespace cairn::app
