// The metrics of a run as series: what steps write with StepContext::metric into runs/<uuid>/metrics.jsonl
// (docs/format/metrics.md), read live while the file grows or after the run has ended.
//
// A run that goes on from an earlier attempt of the same action is one history with it. Where an attempt does again what an
// earlier one did, the later one counts: its first line drops everything earlier from that step on, also steps that it has not
// reached again yet, so that the last row is where the training stands.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"
#include "lineage/ledger.h"

namespace cairn::lineage {

class Workspace;

// One name's values at ascending steps; steps that do not tell it are left out. Values may be NaN or infinite: the run said so.
struct MetricSeries {
  enum class Kind { boolean, integer, real };  // what all values were written as; booleans are 0 and 1 here
  Kind kind = Kind::boolean;
  std::vector<std::int64_t> steps;
  std::vector<double> values;

  bool empty() const { return steps.empty(); }
};

struct MetricRow {
  std::int64_t step = 0;
  std::int64_t time = 0;    // microseconds since 1970; 0 where the line has none
  std::size_t attempt = 0;  // index into the files
};

// A value that is text, not a number.
struct MetricNote {
  std::int64_t step = 0;
  std::string name, text;
};

class RunMetrics {
 public:
  // `files`: one an attempt, oldest first; they need not exist yet. Reads nothing before refresh().
  explicit RunMetrics(std::vector<std::filesystem::path> files);

  // Takes in the whole lines that were added since the last call. A last line without its newline waits; a line that is not a
  // JSON object, or whose step is no whole number (of 15 digits at most), is counted and passed over. A file that became shorter
  // is read anew, and with it everything. True when something changed. Error when a file that exists cannot be read.
  bool refresh();

  // One row a step, ascending. A line without "step" is the step after the last; several lines of one step are one row, and of
  // a name that they share the last value counts.
  const std::vector<MetricRow>& rows() const { return rows_; }
  // Names sorted. Objects and lists are taken apart: {"gpu":{"0":..}} and {"gpu":[..]} are "gpu.0". "step" and "time" are no
  // series.
  std::vector<std::string> names() const;
  const MetricSeries& series(std::string_view name) const;  // an empty one where there is none
  const std::vector<MetricNote>& notes() const { return notes_; }
  std::size_t damaged_lines() const { return damaged_; }
  // The least step that the last refresh() took back or did again: who copies rows as they come begins anew there.
  std::optional<std::int64_t> taken_back() const { return taken_back_; }

  // The row as it was written, the lines of its step joined: {"loss":3.1,"step":7,"time":..}.
  Json row_json(std::size_t row) const;

  // Seconds that the attempts ran, from line to line; what lies between two attempts is not counted. Where a line has no time,
  // its "step_s".
  double seconds() const;

 private:
  void read_file(std::size_t attempt);
  void take_line(std::size_t attempt, std::string_view line);
  void take_value(std::int64_t step, const std::string& name, const Json& value, int depth);
  void drop_from(std::int64_t step);

  std::vector<std::filesystem::path> files_;
  std::vector<std::uint64_t> read_;  // bytes of each file that are taken in
  std::vector<MetricRow> rows_;
  std::map<std::string, MetricSeries, std::less<>> series_;
  std::vector<MetricNote> notes_;
  std::size_t damaged_ = 0;
  bool changed_ = false;
  std::optional<std::int64_t> taken_back_;
};

// The metrics files of a run and of the attempts that it goes on from, oldest first: earlier runs of the same action that did not
// end well. A reproduction stands alone.
std::vector<std::filesystem::path> metric_files(const Workspace& workspace, const Ledger& ledger, const Run& run);

}  // namespace cairn::lineage
