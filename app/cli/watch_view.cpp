#include "app/cli/watch_view.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <fmt/core.h>

#include "app/cli/chart.h"
#include "base/format.h"
#include "lineage/series.h"

namespace cairn::app {
namespace {

using lineage::last_of;
using lineage::MetricRow;
using lineage::MetricSeries;
using lineage::RunMetrics;

constexpr std::size_t kRecentSteps = 20;  // that speeds and shares are taken from
constexpr int kMostPlotRows = 16, kLeastPlotRows = 5;
constexpr int kNameWidth = 10, kValueWidth = 9;  // of a value's cell
constexpr std::array<const char*, 6> kFills = {"█", "▓", "▒", "░", "▞", "╱"};
constexpr std::size_t kSkipsTold = 3;
constexpr double kStalledAfter = 10;  // times the usual duration of a step

// Of the values of the last steps that are finite; NaN without one.
double recent_mean(const MetricSeries& series) {
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t i = series.values.size(); i > 0 && count < kRecentSteps; --i) {
    if (!std::isfinite(series.values[i - 1])) continue;
    sum += series.values[i - 1];
    ++count;
  }
  return count == 0 ? std::nan("") : sum / static_cast<double>(count);
}

// Over the last steps, those that do not tell it counted as 0.
double mean_a_step(const RunMetrics& metrics, const MetricSeries& series) {
  const std::size_t rows = std::min(metrics.rows().size(), kRecentSteps);
  if (rows == 0) return 0;
  const std::int64_t first = metrics.rows()[metrics.rows().size() - rows].step;
  double sum = 0;
  for (std::size_t i = series.steps.size(); i > 0 && series.steps[i - 1] >= first; --i)
    sum += std::isfinite(series.values[i - 1]) ? series.values[i - 1] : 0;
  return sum / static_cast<double>(rows);
}

double sum_of(const MetricSeries& series) {
  double sum = 0;
  for (const double value : series.values) sum += std::isfinite(value) ? value : 0;
  return sum;
}

// Wall-clock seconds of one step, over the last steps of this attempt.
double seconds_a_step(const RunMetrics& metrics) {
  const std::vector<MetricRow>& rows = metrics.rows();
  if (rows.size() < 2) return std::nan("");
  std::size_t early = rows.size() - 1;
  while (early > 0 && rows.size() - early < kRecentSteps && rows[early - 1].attempt == rows.back().attempt) --early;
  const double steps = static_cast<double>(rows.back().step - rows[early].step);
  return static_cast<double>(rows.back().time - rows[early].time) * 1e-6 / steps;  // NaN for one row
}

std::string loss_text(double loss) {
  return std::isfinite(loss) ? fmt::format("{:.4f}", loss) : format_count(loss);
}

std::string rate_text(double rate) {
  return rate != 0 && (std::abs(rate) < 0.01 || std::abs(rate) >= 1000) ? fmt::format("{:.2e}", rate)
                                                                        : fmt::format("{:.3g}", rate);
}

std::string bytes_text(double bytes) {
  return bytes >= 0 && bytes < 1e19 ? format_bytes(static_cast<std::uint64_t>(bytes)) : "?";
}

// "step 120 of 400"
std::string step_text(const RunMetrics& metrics) {
  if (metrics.rows().empty()) return "";
  const double steps = last_of(metrics.series("steps"));
  const std::int64_t step = metrics.rows().back().step;
  return steps > 0 ? fmt::format("step {} of {:.0f}", step, steps) : fmt::format("step {}", step);
}

std::optional<double> share_done(const RunMetrics& metrics) {
  const double steps = last_of(metrics.series("steps"));
  if (metrics.rows().empty() || !(steps > 0)) return std::nullopt;
  return std::clamp(static_cast<double>(metrics.rows().back().step) / steps, 0.0, 1.0);
}

// Parts of a line that are there, with two spaces between them.
std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) {
    if (!part.empty()) text += (text.empty() ? "" : "  ") + part;
  }
  return text;
}

// Words in lines of at most `width` columns; each but the first begins with `indent` spaces.
std::vector<std::string> lines_of(const std::vector<std::string>& words, int width, int indent) {
  std::vector<std::string> lines;
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty() && text_width(line) + 2 + text_width(word) > width) {
      lines.push_back(line);
      line.clear();
    }
    line += line.empty() ? (lines.empty() ? "" : std::string(static_cast<std::size_t>(indent), ' ')) + word : "  " + word;
  }
  if (!line.empty()) lines.push_back(line);
  for (std::string& text : lines) text = cut_to_width(text, width);
  return lines;
}

void append(std::vector<std::string>& text, const std::vector<std::string>& lines, bool apart) {
  if (apart && !lines.empty()) text.emplace_back();
  text.insert(text.end(), lines.begin(), lines.end());
}

// Heading.

std::string stalled_text(const WatchedRun& run, std::int64_t now) {
  if (run.metrics->rows().empty() || run.metrics->rows().back().time == 0) return "";
  const double usual = seconds_a_step(*run.metrics);
  const double since = static_cast<double>(now - run.metrics->rows().back().time) * 1e-6;
  if (!(since > kStalledAfter * usual) || since < kStalledAfter) return "";
  return "no step for " + format_duration(since);
}

std::vector<std::string> heading(const WatchedRun& run, const PictureFrame& frame) {
  const RunMetrics& metrics = *run.metrics;
  const bool open = run.state == "running" || run.state == "sealing" || run.state == "planned";
  std::vector<std::string> words{run.title, fmt::format("run {}", run.id)};
  if (run.title != run.op) words.push_back(run.op);
  words.push_back(open && !run.alive ? run.state + ", but its process is gone" : run.state);
  if (run.attempts > 1) words.push_back(fmt::format("attempt {}", run.attempts));
  words.push_back(step_text(metrics));
  if (open && run.alive) words.push_back(stalled_text(run, frame.now));
  std::erase(words, "");
  std::vector<std::string> lines = lines_of(words, frame.width, 2);

  const std::optional<double> done = share_done(metrics);
  if (!done) return lines;
  const std::optional<double> left = seconds_left(metrics);
  const std::string spent = format_duration(metrics.seconds());
  const bool running = open && run.alive;
  const std::string tail = fmt::format("{:3.0f}%  {}{}", 100 * *done, running ? spent + " so far" : "in " + spent,
                                       running && left ? fmt::format(", {} left", format_duration(*left)) : "");
  const int cells = std::max(8, frame.width - text_width(tail) - 2);
  const int full = static_cast<int>(std::lround(*done * cells));
  std::string bar, rest;
  for (int i = 0; i < cells; ++i) (i < full ? bar : rest) += i < full ? "━" : "─";
  lines.push_back(painted(bar, Colour::first, frame.colours) + painted(rest, Colour::faint, frame.colours) + "  " + tail);
  return lines;
}

// Values, each with its course.

struct Value {
  std::string name, text;
  const MetricSeries* course = nullptr;
};

std::vector<Value> values_of(const RunMetrics& metrics) {
  std::vector<Value> values;
  const auto add = [&](const char* name, const char* key, const auto& text, bool of_recent) {
    const MetricSeries& series = metrics.series(key);
    if (!series.empty()) values.push_back({name, text(of_recent ? recent_mean(series) : last_of(series)), &series});
  };
  if (const MetricSeries& loss = metrics.series("loss"); !loss.empty()) {
    values.push_back({"loss", loss_text(last_of(loss)), nullptr});  // its course is the chart
    double best = INFINITY;
    for (const double value : loss.values) best = std::isfinite(value) ? std::min(best, value) : best;
    if (std::isfinite(best)) values.push_back({"best loss", loss_text(best), nullptr});
  }
  add("grad norm", "grad_norm", rate_text, false);
  add("lr", "lr", rate_text, false);
  add("tokens/s", "tokens_per_s", format_count, true);
  add(
      "MFU", "mfu", [](double share) { return fmt::format("{:.1f}%", 100 * share); }, true);
  if (const double tokens = last_of(metrics.series("tokens")); std::isfinite(tokens))
    values.push_back({"tokens", format_count(tokens), nullptr});
  add("memory", "rss_bytes", bytes_text, false);
  if (const double planned = last_of(metrics.series("planned_bytes")); std::isfinite(planned))
    values.push_back({"planned", bytes_text(planned), nullptr});
  if (!values.empty()) return values;
  for (const std::string& name : metrics.names()) {  // no training: all that there is
    values.push_back({name, rate_text(last_of(metrics.series(name))), &metrics.series(name)});
  }
  return values;
}

std::vector<std::string> value_lines(const RunMetrics& metrics, std::int64_t from, const PictureFrame& frame) {
  const std::vector<Value> values = values_of(metrics);
  const int columns = frame.width >= 150 ? 3 : frame.width >= 60 ? 2 : 1;
  const int width = (frame.width - 3 * (columns - 1)) / columns;
  int name_width = kNameWidth;
  for (const Value& value : values) name_width = std::clamp(text_width(value.name) + 1, name_width, 24);
  const std::size_t rows = (values.size() + static_cast<std::size_t>(columns) - 1) / static_cast<std::size_t>(columns);
  std::vector<std::string> lines;
  for (std::size_t row = 0; row < rows; ++row) {
    std::string line;
    for (std::size_t column = 0; column < static_cast<std::size_t>(columns); ++column) {
      const std::size_t index = column * rows + row;
      if (index >= values.size()) break;
      const Value& value = values[index];
      const std::string course = value.course == nullptr ? ""
                                                         : sparkline(*value.course, from, metrics.rows().back().step,
                                                                     width - name_width - kValueWidth - 2);
      std::string cell =
          fmt::format("{:<{}}{:>{}}", cut_to_width(value.name, name_width - 1), name_width, value.text, kValueWidth);
      const int used = text_width(cell) + (course.empty() ? 0 : 2 + text_width(course));
      if (!course.empty()) cell += "  " + painted(course, Colour::first, frame.colours);
      if (column + 1 < static_cast<std::size_t>(columns))
        cell += std::string(static_cast<std::size_t>(std::max(0, width - used + 3)), ' ');
      line += cell;
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

// Where the time goes.

std::vector<std::string> time_lines(const RunMetrics& metrics, const PictureFrame& frame) {
  const double whole = mean_a_step(metrics, metrics.series("step_s"));
  if (!(whole > 0)) return {};
  struct Part {
    std::string name;
    double seconds;
  };
  std::vector<Part> parts;
  double known = 0;
  for (const std::string& key : step_parts(metrics)) {
    const double seconds = mean_a_step(metrics, metrics.series(key));
    if (!(seconds > 0)) continue;
    parts.push_back({key.substr(0, key.size() - 2), seconds});
    known += seconds;
  }
  if (parts.empty()) return {};
  if (whole - known > 0.005 * whole) parts.push_back({"other", whole - known});
  const double all = std::max(whole, known);

  const std::string head = fmt::format("{:<{}}{:>{}}  ", "step", kNameWidth, format_duration(whole), kValueWidth);
  const int cells = std::max(8, frame.width - text_width(head));
  std::string bar;
  std::vector<std::string> words;
  double end = 0;
  int drawn = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const char* fill = kFills[i % kFills.size()];
    const Colour colour = static_cast<Colour>(static_cast<int>(Colour::first) + static_cast<int>(i) % kCurveColours);
    end += parts[i].seconds;
    const int until = static_cast<int>(std::lround(end / all * cells));
    std::string piece;
    for (; drawn < until; ++drawn) piece += fill;
    bar += painted(piece, colour, frame.colours);
    words.push_back(
        fmt::format("{} {} {} {:.0f}%", fill, parts[i].name, format_duration(parts[i].seconds), 100 * parts[i].seconds / all));
  }
  std::vector<std::string> lines{head + bar};
  for (std::string& line : lines_of(words, frame.width - text_width(head), 0))
    lines.push_back(std::string(static_cast<std::size_t>(text_width(head)), ' ') + line);
  return lines;
}

std::vector<std::string> event_lines(const WatchedRun& run, const PictureFrame& frame) {
  std::vector<std::string> lines;
  const RunMetrics& metrics = *run.metrics;
  if (const auto skipped = skipped_steps(metrics); !skipped.empty()) {
    lines.push_back(
        fmt::format("{:<{}}{} step{}", "left out", kNameWidth + 1, skipped.size(), skipped.size() == 1 ? "" : "s, the last:"));
    std::size_t told = 0;
    for (const auto& [step, why] : skipped) {
      if (told++ == kSkipsTold) break;
      lines.push_back(cut_to_width(fmt::format("{:{}}{}  {}", "", kNameWidth + 1, step, why), frame.width));
    }
  }
  std::vector<std::string> saved;
  if (run.checkpoint)
    saved.push_back(fmt::format("step {}, {} ago", run.checkpoint->step,
                                format_duration(std::max(0.0, static_cast<double>(frame.now - run.checkpoint->time) * 1e-6))));
  if (const MetricSeries& bytes = metrics.series("checkpoint_bytes"); !bytes.empty())
    saved.push_back(fmt::format("{} written in {}", bytes_text(last_of(bytes)),
                                format_duration(last_of(metrics.series("checkpoint_write_s")))));
  const double stood = sum_of(metrics.series("checkpoint_s")), trained = sum_of(metrics.series("step_s"));
  if (stood > 0 && trained > 0) saved.push_back(fmt::format("{:.2f}% of the time waited for", 100 * stood / (stood + trained)));
  if (!saved.empty()) {
    saved.front() = fmt::format("{:<{}}{}", "checkpoint", kNameWidth + 1, saved.front());
    append(lines, lines_of(saved, frame.width, kNameWidth + 1), false);
  }
  if (metrics.damaged_lines() > 1)  // one is what a kill leaves
    lines.push_back(fmt::format("{:<{}}{} lines could not be read", "metrics", kNameWidth + 1, metrics.damaged_lines()));
  return lines;
}

}  // namespace

std::optional<double> seconds_left(const RunMetrics& metrics) {
  const double steps = last_of(metrics.series("steps")), each = seconds_a_step(metrics);
  if (metrics.rows().empty() || !std::isfinite(steps) || !std::isfinite(each)) return std::nullopt;
  return std::max(0.0, (steps - static_cast<double>(metrics.rows().back().step)) * each);
}

std::vector<std::string> step_parts(const RunMetrics& metrics) {
  const std::array<std::string_view, 9> in_order = {"data_s", "model_s", "forward_s", "recompute_s", "backward_s",
                                                    "norm_s", "clip_s",  "comm_s",    "optimizer_s"};
  const auto rank = [&](const std::string& name) { return std::find(in_order.begin(), in_order.end(), name) - in_order.begin(); };
  const bool apart = !metrics.series("forward_s").empty();
  std::vector<std::string> parts;
  for (const std::string& name : metrics.names()) {
    if (!name.ends_with("_s") || name.ends_with("_per_s") || name == "step_s" || name.starts_with("checkpoint_")) continue;
    if (name == "model_s" && apart) continue;
    parts.push_back(name);
  }
  std::stable_sort(parts.begin(), parts.end(), [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
  return parts;
}

std::map<std::int64_t, std::string, std::greater<>> skipped_steps(const RunMetrics& metrics) {
  std::map<std::int64_t, std::string, std::greater<>> skipped;
  const MetricSeries& flags = metrics.series("skipped");
  for (std::size_t i = 0; i < flags.steps.size(); ++i) {
    if (flags.values[i] != 0) skipped[flags.steps[i]];
  }
  for (const lineage::MetricNote& note : metrics.notes()) {
    if (note.name == "skipped") skipped[note.step] = note.text;
  }
  return skipped;
}

std::vector<std::string> watch_picture(const WatchedRun& run, const PictureFrame& frame) {
  const RunMetrics& metrics = *run.metrics;
  std::vector<std::string> text = heading(run, frame);
  if (metrics.rows().empty()) {
    text.push_back(run.alive ? "no metrics yet" : "no metrics");
    return text;
  }
  const std::int64_t to = metrics.rows().back().step;
  const std::int64_t from =
      frame.last > 0 ? std::max(metrics.rows().front().step, to - frame.last + 1) : metrics.rows().front().step;
  const std::vector<std::string> values = value_lines(metrics, from, frame);
  const std::vector<std::string> time = time_lines(metrics, frame);
  const std::vector<std::string> events = event_lines(run, frame);
  const int below = static_cast<int>(values.size() + time.size() + events.size()) + (time.empty() && events.empty() ? 1 : 2);
  const int plot_rows = std::min(kMostPlotRows, frame.height - static_cast<int>(text.size()) - below - 4);

  const MetricSeries& loss = metrics.series("loss");
  const MetricSeries average = lineage::smoothed(loss, std::max(2.0, static_cast<double>(to - from) / std::max(8, frame.width)));
  std::vector<Curve> curves{{&loss, frame.colours ? Colour::faint : Colour::none, 0}};
  if (frame.colours) curves.push_back({&average, Colour::first, 0});
  append(text,
         draw_chart(curves, {.width = frame.width,
                             .height = std::max(kLeastPlotRows, plot_rows),
                             .from = from,
                             .to = to,
                             .colours = frame.colours}),
         true);
  append(text, values, true);
  append(text, time, true);
  append(text, events, time.empty());
  return text;
}

std::string watch_line(const WatchedRun& run) {
  const RunMetrics& metrics = *run.metrics;
  if (metrics.rows().empty()) return "";
  std::vector<std::string> words{step_text(metrics)};
  const auto add = [&](const char* key, const auto& text) {
    const MetricSeries& series = metrics.series(key);
    if (!series.empty()) words.push_back(text(series));
  };
  add("loss", [](const MetricSeries& series) { return "loss " + loss_text(last_of(series)); });
  add("tokens_per_s", [](const MetricSeries& series) { return format_count(recent_mean(series)) + " tokens/s"; });
  add("mfu", [](const MetricSeries& series) { return fmt::format("MFU {:.1f}%", 100 * recent_mean(series)); });
  add("lr", [](const MetricSeries& series) { return "lr " + rate_text(last_of(series)); });
  add("grad_norm", [](const MetricSeries& series) { return "grad norm " + rate_text(last_of(series)); });
  add("rss_bytes", [](const MetricSeries& series) { return bytes_text(last_of(series)); });
  const auto skipped = skipped_steps(metrics);
  if (!skipped.empty() && skipped.begin()->first == metrics.rows().back().step) words.push_back("left out");
  if (const double left = seconds_left(metrics).value_or(0); left > 0 && run.alive)
    words.push_back(format_duration(left) + " left");
  return joined(words);
}

}  // namespace cairn::app
