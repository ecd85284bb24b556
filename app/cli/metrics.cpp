// cairn metrics: what a run measured, as a table, CSV, JSON or TensorBoard event files; and runs side by side.
#include <chrono>
#include <map>
#include <memory>
#include <thread>

#include "app/cli/chart.h"
#include "app/cli/cli.h"
#include "app/cli/report.h"
#include "app/cli/run_argument.h"
#include "app/cli/run_comparison.h"
#include "app/cli/verbs.h"
#include "base/format.h"
#include "base/json.h"
#include "lineage/exports/metrics_csv.h"
#include "lineage/exports/tensorboard.h"
#include "lineage/series.h"
#include "lineage/workspace.h"

namespace cairn::app {
namespace {

constexpr std::chrono::milliseconds kPatience{50};       // between looks at whether to stop
constexpr std::chrono::seconds kFollowInterval{2};       // between looks at what is new
constexpr int kWidthElsewhere = 120, kCompareRows = 14;  // of a comparison that goes to no terminal

struct MetricsOptions {
  std::vector<std::string> runs, series;
  bool csv = false, compare = false, follow = false;
  std::string tensorboard;
};

// A run and what it measured.
struct Measured {
  lineage::Run run;
  std::string title;
  std::unique_ptr<lineage::RunMetrics> metrics;
};

std::vector<Measured> measured_runs(const lineage::Workspace& workspace, const lineage::Ledger& ledger,
                                    std::vector<std::string> names) {
  if (names.empty()) names.emplace_back();
  std::vector<Measured> all;
  for (const std::string& name : names) {
    Measured measured;
    measured.run = find_run(workspace, ledger, name);
    measured.title = run_title(ledger, measured.run);
    measured.metrics = std::make_unique<lineage::RunMetrics>(lineage::metric_files(workspace, ledger, measured.run));
    measured.metrics->refresh();
    all.push_back(std::move(measured));
  }
  return all;
}

void check(const MetricsOptions& options, bool json) {
  const int forms = int{options.csv} + int{options.compare} + int{!options.tensorboard.empty()};
  if (forms > 1) fail_usage("metrics: --csv, --compare and --tensorboard exclude one another");
  if (json && (options.csv || !options.tensorboard.empty())) fail_usage("metrics: --json goes with --compare or alone");
  if (options.follow && options.tensorboard.empty()) fail_usage("metrics: --follow goes with --tensorboard");
  if (options.compare && options.runs.size() < 2) fail_usage("metrics: --compare takes two runs or more");
  if (!options.compare && options.tensorboard.empty() && options.runs.size() > 1)
    fail_usage("metrics: several runs go with --compare or --tensorboard");
  if (!options.series.empty() && !options.csv) fail_usage("metrics: --series goes with --csv");
}

// One run.

std::string number_text(double value, lineage::MetricSeries::Kind kind) {
  if (kind == lineage::MetricSeries::Kind::boolean) return value != 0 ? "true" : "false";
  return kind == lineage::MetricSeries::Kind::integer ? fmt::format("{:.0f}", value) : fmt::format("{:.6g}", value);
}

void print_table(const Measured& measured) {
  const lineage::RunMetrics& metrics = *measured.metrics;
  if (metrics.rows().empty()) {
    fmt::print("run {} ({}) has no metrics\n", measured.run.id, measured.title);
    return;
  }
  const std::int64_t from = metrics.rows().front().step, to = metrics.rows().back().step;
  fmt::print("run {} ({}), {}: steps {} to {}\n\n", measured.run.id, measured.title, lineage::run_state_name(measured.run.state),
             from, to);
  TextTable table({"series", "steps", "first", "last", "least", "median", "most"});
  for (const std::string& name : metrics.names()) {
    const lineage::MetricSeries& series = metrics.series(name);
    const lineage::SeriesPiece all = lineage::downsample(series, from, to, 1).front();
    const auto text = [&](double value) { return all.points > 0 ? number_text(value, series.kind) : "-"; };
    table.add({name, std::to_string(series.steps.size()), number_text(series.values.front(), series.kind),
               number_text(series.values.back(), series.kind), text(all.low), text(lineage::median(series.values)),
               text(all.high)});
  }
  fmt::print("{}", table.render(terminal_width()));
  std::map<std::string, std::size_t> texts;
  for (const lineage::MetricNote& note : metrics.notes()) ++texts[note.name];
  for (const auto& [name, steps] : texts) fmt::print("{} is told as text by {} step{}\n", name, steps, steps == 1 ? "" : "s");
}

void print_rows(const lineage::Ledger& ledger, const Measured& measured) {
  Json rows = Json::array();
  for (std::size_t row = 0; row < measured.metrics->rows().size(); ++row) rows.push_back(measured.metrics->row_json(row));
  print_json({{"run", run_json(ledger, measured.run)}, {"metrics", std::move(rows)}});
}

void print_csv(const Measured& measured, const std::vector<std::string>& series) {
  lineage::write_metrics_csv(*measured.metrics, series,
                             [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); });
}

// TensorBoard: a folder for each run, named so that it stays the same while the run goes on: DIR/pretrain-5.

ExitCode write_tensorboard(Session& session, std::vector<Measured>& all, const MetricsOptions& options) {
  const lineage::Workspace& workspace = session.workspace_for_reading();
  const lineage::Ledger& ledger = session.workspace_for_reading().ledger();
  std::vector<lineage::TensorBoardFile> files;
  std::vector<std::size_t> steps(all.size(), 0);
  for (const Measured& measured : all) {
    files.emplace_back(real_disk(), fs::path(options.tensorboard) / fmt::format("{}-{}", measured.run.op, measured.run.id),
                       measured.run);
  }
  StopToken& stop = session.stop();
  for (bool more = true; more;) {
    more = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const lineage::Run run = ledger.run(all[i].run.id);
      more = more || (options.follow && is_open(run) && workspace.run_alive(run.uuid) && !stop.stop_requested());
      all[i].metrics->refresh();
      steps[i] += files[i].append(*all[i].metrics);
    }
    const auto until = std::chrono::steady_clock::now() + kFollowInterval;
    while (more && !stop.stop_requested() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(kPatience);
  }
  for (std::size_t i = 0; i < all.size(); ++i)
    fmt::print("{}: {} steps of run {} ({})\n", files[i].path().string(), steps[i], all[i].run.id, all[i].title);
  return ExitCode::done;
}

// Side by side.

std::vector<ComparedRun> compared(const lineage::Ledger& ledger, const std::vector<Measured>& all) {
  std::vector<ComparedRun> runs;
  for (const Measured& measured : all) {
    ComparedRun run{fmt::format("{} (run {})", measured.title, measured.run.id),
                    lineage::run_state_name(measured.run.state),
                    {},
                    measured.metrics.get()};
    const auto add = [&](const std::string& prefix, const std::string& json) {
      for (const auto& [name, value] : plain_values(parse_json(json, "config")))
        run.config[prefix + name] = value.is_string() ? value.get<std::string>() : canonical_json(value);
    };
    add("", measured.run.config);
    add("runtime.", measured.run.runtime);
    run.config["step"] = fmt::format("{} version {}", measured.run.op, measured.run.op_version);
    run.config["seed"] = std::to_string(measured.run.seed);
    run.config["program"] = measured.run.code.short_hex();
    run.config["class"] = measured.run.determinism_class;
    for (const lineage::RunInput& input : measured.run.inputs) {
      std::string& inputs = run.config["input " + input.role];
      inputs += (inputs.empty() ? "" : " ") + artifact_label(ledger, input.artifact);
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

void print_comparison(const lineage::Ledger& ledger, const std::vector<Measured>& all, bool json) {
  const std::vector<ComparedRun> runs = compared(ledger, all);
  if (!json) {
    const int width = terminal_width() > 0 ? terminal_width() : kWidthElsewhere;
    for (const std::string& line : comparison_lines(runs, width, kCompareRows, colours_wanted())) fmt::print("{}\n", line);
    return;
  }
  Json list = Json::array();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    list.push_back({{"run", all[i].run.id},
                    {"title", all[i].title},
                    {"state", runs[i].state},
                    {"figures", figures_json(figures_of(*all[i].metrics))}});
  }
  print_json({{"runs", list}, {"differences", config_differences(runs)}});
}

ExitCode show_metrics(Session& session, const MetricsOptions& options) {
  check(options, session.json());
  lineage::Workspace& workspace = session.workspace_for_reading();
  const lineage::Ledger& ledger = workspace.ledger();
  std::vector<Measured> all = measured_runs(workspace, ledger, options.runs);
  if (!options.tensorboard.empty()) return write_tensorboard(session, all, options);
  if (options.compare) {
    print_comparison(ledger, all, session.json());
  } else if (options.csv) {
    print_csv(all.front(), options.series);
  } else if (session.json()) {
    print_rows(ledger, all.front());
  } else {
    print_table(all.front());
  }
  return ExitCode::done;
}

}  // namespace

void add_metrics(CommandLine& line, Session& session) {
  auto options = std::make_shared<MetricsOptions>();
  line.verb("metrics", Phase::look, "what runs measured: a table, CSV, JSON, TensorBoard files; runs side by side")
      .positionals(options->runs, "RUN", kRunHelp, false)
      .flag(options->csv, "--csv", "a line a step, to standard output")
      .option(options->series, "--series", "NAME", "with --csv: this column; may be repeated (default: all)")
      .option(options->tensorboard, "--tensorboard", "DIR", "event files for `tensorboard --logdir DIR`, a folder for each run")
      .flag(options->follow, "--follow", "with --tensorboard: go on until the runs end")
      .flag(options->compare, "--compare", "figures of runs, what differs between their configs, and their loss curves")
      .example("cairn metrics base --csv > base.csv", "all of one run")
      .example("cairn metrics --tensorboard logs --follow", "the run that goes on now, until it ends")
      .example("cairn metrics --compare base@1 base@2", "two models' trainings")
      .run([&session, options] { return show_metrics(session, *options); });
}

}  // namespace cairn::app
