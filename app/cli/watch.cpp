// cairn watch: follows a run's metrics (runs/<uuid>/metrics.jsonl) on the terminal.
#include <algorithm>
#include <cmath>
#include <map>
#include <thread>

#include "app/cli/cli.h"
#include "app/cli/plot.h"
#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "base/format.h"
#include "base/json.h"
#include "lineage/workspace.h"

namespace cairn::app {
namespace {

constexpr int kPlotHeight = 8;
constexpr std::size_t kRecentSteps = 20;  // that the time left is estimated from
constexpr std::chrono::milliseconds kPoll{500};

struct WatchOptions {
  std::string run;
  bool once = false;
};

// The run that a person means: a number, a uuid's beginning, a step's or an artifact's name; else the newest that runs, or that
// ran.
lineage::Run find_run(const lineage::Ledger& ledger, const std::string& text) {
  const std::vector<lineage::Run> runs = ledger.runs();
  if (runs.empty()) fail("no runs yet; cairn run PIPELINE.json makes some");
  if (text.empty()) {
    const auto open =
        std::find_if(runs.begin(), runs.end(), [](const lineage::Run& run) { return run.state == lineage::RunState::running; });
    return open == runs.end() ? runs.front() : *open;
  }
  for (const lineage::Run& run : runs) {
    if (std::to_string(run.id) == text || (text.size() >= 6 && run.uuid.text().starts_with(text)) || run.op == text) return run;
  }
  try {
    if (const auto producer = ledger.producer(ledger.resolve(text).id)) return *producer;
  } catch (const Error&) {
    fail_usage("'{}' is no run, step or artifact here; `cairn runs` lists the runs", text);
  }
  fail("'{}' was not made by a run here", text);
}

// The metric lines of a run and of the attempts that it goes on from, by step where they have one; a later attempt's line wins.
std::vector<Json> read_metrics(const lineage::Workspace& workspace, const lineage::Ledger& ledger, lineage::Run run) {
  std::vector<lineage::Run> attempts{run};
  while (attempts.back().attempt_of) attempts.push_back(ledger.run(*attempts.back().attempt_of));
  std::map<std::int64_t, Json> by_step;
  std::int64_t next = 0;
  for (auto attempt = attempts.rbegin(); attempt != attempts.rend(); ++attempt) {
    const fs::path file = workspace.run_folder(attempt->uuid) / "metrics.jsonl";
    if (!fs::exists(file)) continue;
    const std::string text = read_file(file);
    for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      Json line = Json::parse(text.substr(begin, end - begin), nullptr, false);
      if (!line.is_object()) continue;  // a kill cut the line
      const std::int64_t step =
          line.contains("step") && line["step"].is_number_integer() ? line["step"].get<std::int64_t>() : next;
      next = step + 1;
      by_step[step] = std::move(line);
    }
  }
  std::vector<Json> lines;
  for (auto& [step, line] : by_step) lines.push_back(std::move(line));
  return lines;
}

double number(const Json& line, const char* key) {
  const auto found = line.find(key);
  return found != line.end() && found->is_number() ? found->get<double>() : std::nan("");
}

// Seconds to go, from how fast the last steps went.
double seconds_left(const std::vector<Json>& lines) {
  if (lines.size() < 2) return std::nan("");
  const Json& last = lines.back();
  const Json& early = lines[lines.size() - std::min(lines.size(), kRecentSteps)];
  const double steps = number(last, "step") - number(early, "step"), time = (number(last, "time") - number(early, "time")) * 1e-6;
  return (number(last, "steps") - number(last, "step")) * time / steps;
}

std::string value_line(const Json& last) {
  std::string text;
  const auto add = [&](const char* name, const std::string& value) {
    text += fmt::format("{}{} {}", text.empty() ? "" : "   ", name, value);
  };
  const auto has = [&](const char* key) { return std::isfinite(number(last, key)); };
  if (has("tokens_per_s")) add("tokens/s", format_count(number(last, "tokens_per_s")));
  if (has("mfu")) add("MFU", fmt::format("{:.0f}%", 100 * number(last, "mfu")));
  if (has("lr")) add("lr", fmt::format("{:.2e}", number(last, "lr")));
  if (has("grad_norm")) add("grad norm", fmt::format("{:.3f}", number(last, "grad_norm")));
  if (has("tokens")) add("tokens", format_count(number(last, "tokens")));
  if (!text.empty()) return text;
  for (const auto& [key, value] : last.items()) {
    if (key != "time" && value.is_primitive()) add(key.c_str(), value.dump());
  }
  return text;
}

std::vector<std::string> screen(const lineage::Ledger& ledger, const lineage::Run& run, const std::vector<Json>& lines,
                                int width) {
  std::vector<std::string> text;
  std::string head = fmt::format("run {}  {}  {}", run.id, run.op, lineage::run_state_name(run.state));
  for (const lineage::RunOutput& output : run.outputs) head += "  " + artifact_label(ledger, output.artifact);
  if (lines.empty()) return {head, "no metrics" + std::string(run.state == lineage::RunState::running ? " yet" : "")};
  const Json& last = lines.back();
  if (const double step = number(last, "step"), steps = number(last, "steps"); std::isfinite(step) && steps > 0) {
    head += fmt::format("  step {:.0f} of {:.0f} ({:.0f}%)", step, steps, 100 * step / steps);
    const double left = seconds_left(lines);
    if (run.state == lineage::RunState::running && std::isfinite(left)) head += "  " + format_duration(left) + " left";
  }
  text.push_back(head);
  std::vector<double> losses;
  for (const Json& line : lines) losses.push_back(number(line, "loss"));
  const std::vector<std::string> plot = plot_lines(losses, std::max(20, width - 10), kPlotHeight);
  if (!plot.empty()) {
    double low = INFINITY, high = -INFINITY;
    for (const double loss : losses) {
      if (std::isfinite(loss)) low = std::min(low, loss), high = std::max(high, loss);
    }
    for (std::size_t i = 0; i < plot.size(); ++i) {
      const std::string mark = i == 0 ? fmt::format("{:.3f}", high) : i + 1 == plot.size() ? fmt::format("{:.3f}", low) : "";
      text.push_back(fmt::format("{:>8}  {}", mark, plot[i]));
    }
    text.push_back(fmt::format("loss {:.4f}   {}", losses.back(), value_line(last)));
  } else {
    text.push_back(value_line(last));
  }
  return text;
}

Json snapshot(const lineage::Ledger& ledger, const lineage::Run& run, const std::vector<Json>& lines) {
  const double left = seconds_left(lines);
  Json json = {{"run", run_json(ledger, run)}, {"metrics", lines}};
  json["seconds_left"] = run.state == lineage::RunState::running && std::isfinite(left) ? Json(left) : Json(nullptr);
  return json;
}

bool is_open(const lineage::Run& run) {
  return run.state == lineage::RunState::planned || run.state == lineage::RunState::running ||
         run.state == lineage::RunState::sealing;
}

ExitCode watch(Session& session, const WatchOptions& options) {
  lineage::Workspace& workspace = session.workspace_for_reading();
  const lineage::Ledger& ledger = workspace.ledger();
  const lineage::RunId id = find_run(ledger, options.run).id;
  const bool redraw = stdout_is_terminal() && !options.once;
  std::size_t drawn = 0, told = 0;
  for (;;) {
    const lineage::Run run = ledger.run(id);
    const std::vector<Json> lines = read_metrics(workspace, ledger, run);
    if (session.json()) {
      print_json(snapshot(ledger, run, lines));
      return ExitCode::done;
    }
    const bool last = options.once || !is_open(run) || session.stop().stop_requested();
    if (redraw || last || (lines.size() != told && !stdout_is_terminal())) {
      if (redraw && drawn > 0) fmt::print("\x1b[{}A\x1b[J", drawn);
      const std::vector<std::string> text = screen(ledger, run, lines, terminal_width() > 0 ? terminal_width() : 80);
      const bool short_form = !redraw && !last;  // into a file: a line now and then, the whole at the end
      for (const std::string& line : text) {
        if (!short_form || &line == &text.back()) fmt::print("{}\n", line);
      }
      std::fflush(stdout);
      drawn = text.size();
      told = lines.size();
    }
    if (last) return ExitCode::done;
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace

void add_watch(CommandLine& line, Session& session) {
  auto options = std::make_shared<WatchOptions>();
  line.verb("watch", Phase::look, "follow a run: loss, speed, time left")
      .optional_positional(options->run, "RUN", "a run's number, a step's or an artifact's name (default: the newest that runs)")
      .flag(options->once, "--once", "draw it once")
      .run([&session, options] { return watch(session, *options); });
}

}  // namespace cairn::app
