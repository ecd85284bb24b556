// What `cairn watch` shows of a run, as lines of text: a function of what is known of the run, of the size of the picture and of
// the time. Every metric may be missing: what is not told is not shown.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lineage/metrics.h"

namespace cairn::app {

struct SavedCheckpoint {
  std::int64_t step = 0;
  std::int64_t time = 0;  // microseconds since 1970
};

struct WatchedRun {
  std::string title;  // "base@1"
  std::int64_t id = 0;
  std::string op, state;  // step's name; "running", "done", ...
  bool alive = false;     // a process works on it
  std::int64_t attempts = 1;
  std::optional<SavedCheckpoint> checkpoint;  // the newest that a killed run would go on from
  const lineage::RunMetrics* metrics = nullptr;
};

struct PictureFrame {
  int width = 80;
  int height = 24;        // rows that may be used; the picture is shorter where there is less to show
  std::int64_t last = 0;  // draw the last so many steps; 0 for all
  std::int64_t now = 0;   // microseconds since 1970
  bool colours = false;
};

// Heading, loss curve, a value for each thing measured with its course, where the time of a step goes, what was left out, the
// last checkpoint.
std::vector<std::string> watch_picture(const WatchedRun& run, const PictureFrame& frame);

// The same in one line, for a file: "step 120 of 400  loss 3.012  2.6k tokens/s  MFU 61%  5m03s left".
std::string watch_line(const WatchedRun& run);

// Seconds to go, from how long the last steps of this attempt took, checkpoints included; nothing where that is not known.
std::optional<double> seconds_left(const lineage::RunMetrics& metrics);

// Parts of a step by how the run names them, in the order of a step: the series "data_s", "model_s", ..., whole: "step_s". A part
// that others make up ("model_s" where there are "forward_s" and "backward_s") is left out, and so is what lies outside a step
// ("checkpoint_s", "checkpoint_write_s").
std::vector<std::string> step_parts(const lineage::RunMetrics& metrics);

// Steps that were left out, newest first, with why where the run says so.
std::map<std::int64_t, std::string, std::greater<>> skipped_steps(const lineage::RunMetrics& metrics);

}  // namespace cairn::app
