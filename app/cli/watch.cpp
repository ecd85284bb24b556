// cairn watch: follows a run's metrics on the terminal, or line by line into a file.
#include <algorithm>
#include <chrono>
#include <thread>

#include "app/cli/chart.h"
#include "app/cli/cli.h"
#include "app/cli/report.h"
#include "app/cli/run_argument.h"
#include "app/cli/verbs.h"
#include "app/cli/watch_view.h"
#include "base/format.h"
#include "base/json.h"
#include "lineage/workspace.h"

namespace cairn::app {
namespace {

constexpr double kTerminalInterval = 1, kFileInterval = 10;  // seconds
constexpr std::chrono::milliseconds kPatience{50};           // between looks at whether to stop
constexpr int kWidthElsewhere = 80, kHeightElsewhere = 30;   // of a picture that goes to no terminal

struct WatchOptions {
  std::string run;
  bool once = false;
  double interval = 0;  // seconds; 0 = the default
  std::int64_t last = 0;
};

std::int64_t environment_number(const char* name, std::int64_t otherwise) {
  const char* text = std::getenv(name);
  const std::int64_t number = text ? std::atoll(text) : 0;
  return number > 0 && number < 10'000 ? number : otherwise;
}

PictureFrame frame_of(const WatchOptions& options) {
  const auto size = [](int of_terminal, const char* name, int elsewhere) {
    return of_terminal > 0 ? of_terminal : static_cast<int>(environment_number(name, elsewhere));
  };
  PictureFrame frame;
  frame.width = std::max(20, size(terminal_width(), "COLUMNS", kWidthElsewhere));
  // The line below the picture is the cursor's.
  frame.height = size(terminal_height() - 1, "LINES", kHeightElsewhere);
  frame.last = options.last;
  frame.now = now_microseconds();
  frame.colours = colours_wanted();
  return frame;
}

// The newest checkpoint that a killed run would go on from: scratch/<action>/checkpoints/step-00000100.
std::optional<SavedCheckpoint> newest_checkpoint(const lineage::Workspace& workspace, const lineage::Run& run) {
  std::optional<SavedCheckpoint> newest;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(workspace.scratch_folder(run.action) / "checkpoints", missing)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("step-") || name.size() > 24 || name.find_first_not_of("0123456789", 5) != std::string::npos) continue;
    const std::int64_t step = std::atoll(name.c_str() + 5);
    if (newest && newest->step >= step) continue;
    const auto written = fs::last_write_time(entry.path(), missing);
    if (missing) continue;  // removed since it was listed
    const auto time = std::chrono::file_clock::to_sys(written).time_since_epoch();
    newest = {step, std::chrono::duration_cast<std::chrono::microseconds>(time).count()};
  }
  return newest;
}

class Watch {
 public:
  Watch(lineage::Workspace& workspace, lineage::RunId run)
      : workspace_(workspace),
        id_(run),
        files_(lineage::metric_files(workspace, workspace.ledger(), workspace.ledger().run(run))),
        metrics_(files_) {}

  // Takes in what is new. False once nothing more will come.
  bool refresh() {
    const lineage::Ledger& ledger = workspace_.ledger();
    run_ = ledger.run(id_);
    shown_.alive = is_open(run_) && workspace_.run_alive(run_.uuid);
    metrics_.refresh();  // after the state: what a run wrote before its end is seen
    shown_.title = run_title(ledger, run_);
    shown_.id = run_.id;
    shown_.op = run_.op;
    shown_.state = lineage::run_state_name(run_.state);
    shown_.attempts = static_cast<std::int64_t>(files_.size());
    shown_.checkpoint = newest_checkpoint(workspace_, run_);
    shown_.metrics = &metrics_;
    return shown_.alive;
  }

  const WatchedRun& shown() const { return shown_; }
  const lineage::RunMetrics& metrics() const { return metrics_; }

  Json json() const {
    const std::optional<double> left = shown_.alive ? seconds_left(metrics_) : std::nullopt;
    Json rows = Json::array();
    for (std::size_t row = 0; row < metrics_.rows().size(); ++row) rows.push_back(metrics_.row_json(row));
    return {{"run", run_json(workspace_.ledger(), run_)},
            {"metrics", std::move(rows)},
            {"seconds_left", left ? Json(*left) : Json(nullptr)},
            {"last_checkpoint", shown_.checkpoint ? Json(shown_.checkpoint->step) : Json(nullptr)}};
  }

 private:
  lineage::Workspace& workspace_;
  lineage::RunId id_;
  lineage::Run run_;
  std::vector<fs::path> files_;
  lineage::RunMetrics metrics_;
  WatchedRun shown_;
};

// Pictures one over another. Nothing of the terminal is changed that would have to be restored: each picture begins where the
// last one did, and the last one stays.
class Screen {
 public:
  // Lines beyond the frame's height are left out: a picture that scrolls could not be drawn over.
  void show(std::vector<std::string> lines, const PictureFrame& frame) {
    lines.resize(std::min(lines.size(), static_cast<std::size_t>(std::max(1, frame.height))));
    // A terminal that was resized has broken the lines anew: where the picture began is not known any more.
    std::string text = drawn_ == 0 ? "" : frame.width != width_ ? "\x1b[H\x1b[2J" : fmt::format("\r\x1b[{}A", drawn_);
    for (const std::string& line : lines) text += line + "\x1b[K\n";
    text += "\x1b[J";
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
    drawn_ = lines.size();
    width_ = frame.width;
  }

 private:
  std::size_t drawn_ = 0;
  int width_ = 0;
};

void print_lines(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) fmt::print("{}\n", line);
  std::fflush(stdout);
}

void wait(double seconds, const StopToken& stop) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!stop.stop_requested() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(kPatience);
}

ExitCode watch(Session& session, const WatchOptions& options) {
  if (options.interval < 0 || options.last < 0) fail_usage("watch: --interval and --last are numbers above 0");
  lineage::Workspace& workspace = session.workspace_for_reading();
  Watch watched(workspace, find_run(workspace, workspace.ledger(), options.run).id);
  StopToken& stop = session.stop();
  const bool terminal = stdout_is_terminal();
  const double interval = options.interval > 0 ? options.interval : terminal ? kTerminalInterval : kFileInterval;
  Screen screen;
  std::string told;
  for (;;) {
    const bool more = watched.refresh() && !stop.stop_requested();
    if (session.json()) {
      print_json(watched.json());
      return ExitCode::done;
    }
    const PictureFrame frame = frame_of(options);
    if (options.once || !more) {
      const std::vector<std::string> picture = watch_picture(watched.shown(), frame);
      if (terminal && !options.once) {
        screen.show(picture, frame);
      } else {
        print_lines(picture);
      }
      return ExitCode::done;
    }
    if (terminal) {
      screen.show(watch_picture(watched.shown(), frame), frame);
    } else if (const std::string line = watch_line(watched.shown()); !line.empty() && line != told) {
      print_lines({line});
      told = line;
    }
    wait(interval, stop);
  }
}

}  // namespace

void add_watch(CommandLine& line, Session& session) {
  auto options = std::make_shared<WatchOptions>();
  line.verb("watch", Phase::look, "follow a run: loss, speed, time left, where the time goes")
      .optional_positional(options->run, "RUN", kRunHelp)
      .flag(options->once, "--once", "draw it once")
      .option(options->interval, "--interval", "SECONDS", "between two looks (default: 1 on a terminal, 10 elsewhere)")
      .option(options->last, "--last", "STEPS", "draw the last so many steps (default: all)")
      .example("cairn watch", "the training that runs now, until it ends; Ctrl-C leaves it running")
      .example("cairn watch base --once --last 200", "the end of one that made base")
      .run([&session, options] { return watch(session, *options); });
}

}  // namespace cairn::app
