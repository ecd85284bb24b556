#include "app/cli/run_comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/core.h>

#include "app/cli/chart.h"
#include "app/cli/watch_view.h"
#include "base/format.h"
#include "base/json.h"
#include "lineage/series.h"

namespace cairn::app {
namespace {

using lineage::MetricSeries;
using lineage::RunMetrics;

constexpr std::size_t kLastSteps = 20;
constexpr int kPiecesAveraged = 100;  // a curve is averaged over a hundredth of its steps

std::vector<double> finite_values(const MetricSeries& series) {
  std::vector<double> values;
  std::copy_if(series.values.begin(), series.values.end(), std::back_inserter(values), [](double v) { return std::isfinite(v); });
  return values;
}

std::string cell(double value, const char* form) {
  return std::isnan(value) ? "-" : fmt::format(fmt::runtime(form), value);
}

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines.push_back(text.substr(begin, end - begin));
  return lines;
}

std::string figures_table(const std::vector<ComparedRun>& runs, int width) {
  TextTable table({"", "run", "state", "step", "tokens", "loss", "last 20", "best", "tokens/s", "MFU", "took", "left out"});
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const RunFigures figures = figures_of(*runs[i].metrics);
    table.add({std::string(1, run_letter(i)), runs[i].title, runs[i].state, cell(figures.step, "{:.0f}"),
               std::isnan(figures.tokens) ? "-" : format_count(figures.tokens), cell(figures.loss, "{:.4f}"),
               cell(figures.loss_of_last, "{:.4f}"), cell(figures.best, "{:.4f}"),
               std::isnan(figures.tokens_per_s) ? "-" : format_count(figures.tokens_per_s), cell(100 * figures.mfu, "{:.1f}%"),
               format_duration(figures.seconds), cell(figures.skipped, "{:.0f}")});
  }
  return table.render(width);
}

std::string differences_table(const std::vector<ComparedRun>& runs, int width) {
  const auto differences = config_differences(runs);
  if (differences.empty()) return "no difference of config\n";
  std::vector<std::string> header{"differs"};
  for (std::size_t i = 0; i < runs.size(); ++i) header.emplace_back(1, run_letter(i));
  TextTable table(header);
  for (const auto& [name, values] : differences) {
    std::vector<std::string> row{name};
    row.insert(row.end(), values.begin(), values.end());
    table.add(row);
  }
  return table.render(width);
}

Colour colour_of(std::size_t run) {
  return static_cast<Colour>(static_cast<int>(Colour::first) + static_cast<int>(run) % kCurveColours);
}

// "loss, averaged:  a base@1 (run 5)  b base@2 (run 9)", in as many lines as it takes.
std::vector<std::string> legend_of(const std::vector<ComparedRun>& runs, int width, bool colours) {
  std::vector<std::string> lines{"loss, averaged:"};
  int used = text_width(lines.back());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::string text = cut_to_width(fmt::format("{} {}", run_letter(i), runs[i].title), std::max(1, width - 2));
    if (used + 2 + text_width(text) > width) {
      lines.emplace_back();
      used = 0;
    }
    lines.back() += "  " + painted(text, colour_of(i), colours);
    used += 2 + text_width(text);
  }
  return lines;
}

std::vector<std::string> curves_of(const std::vector<ComparedRun>& runs, int width, int height, bool colours) {
  std::vector<MetricSeries> averages(runs.size());
  std::int64_t from = std::numeric_limits<std::int64_t>::max(), to = std::numeric_limits<std::int64_t>::min();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const MetricSeries& loss = runs[i].metrics->series("loss");
    if (loss.empty()) continue;
    from = std::min(from, loss.steps.front());
    to = std::max(to, loss.steps.back());
    averages[i] =
        lineage::smoothed(loss, std::max(1.0, static_cast<double>(loss.steps.back() - loss.steps.front()) / kPiecesAveraged));
  }
  std::vector<Curve> curves;
  for (std::size_t i = 0; i < runs.size(); ++i) curves.push_back({&averages[i], colour_of(i), run_letter(i)});
  return draw_chart(curves, {.width = width, .height = height, .from = from, .to = to, .colours = colours});
}

}  // namespace

RunFigures figures_of(const RunMetrics& metrics) {
  RunFigures figures;
  const double none = std::nan("");
  const std::vector<double> losses = finite_values(metrics.series("loss"));
  figures.step = metrics.rows().empty() ? none : static_cast<double>(metrics.rows().back().step);
  figures.tokens = lineage::last_of(metrics.series("tokens"));
  figures.loss = losses.empty() ? none : losses.back();
  figures.best = losses.empty() ? none : *std::min_element(losses.begin(), losses.end());
  figures.loss_of_last = none;
  if (!losses.empty()) {
    const std::size_t count = std::min(losses.size(), kLastSteps);
    double sum = 0;
    for (std::size_t i = losses.size() - count; i < losses.size(); ++i) sum += losses[i];
    figures.loss_of_last = sum / static_cast<double>(count);
  }
  figures.tokens_per_s = lineage::median(metrics.series("tokens_per_s").values);
  figures.mfu = lineage::median(metrics.series("mfu").values);
  figures.seconds = metrics.seconds();
  figures.skipped = static_cast<double>(skipped_steps(metrics).size());
  return figures;
}

Json figures_json(const RunFigures& figures) {
  Json json;
  const auto add = [&](const char* name, double value) { json[name] = std::isfinite(value) ? Json(value) : Json(nullptr); };
  add("step", figures.step);
  add("tokens", figures.tokens);
  add("loss", figures.loss);
  add("loss_of_last_20", figures.loss_of_last);
  add("best_loss", figures.best);
  add("tokens_per_s_median", figures.tokens_per_s);
  add("mfu_median", figures.mfu);
  add("seconds", figures.seconds);
  add("skipped", figures.skipped);
  return json;
}

std::map<std::string, std::vector<std::string>> config_differences(const std::vector<ComparedRun>& runs) {
  std::set<std::string> names;
  for (const ComparedRun& run : runs) {
    for (const auto& [name, value] : run.config) names.insert(name);
  }
  std::map<std::string, std::vector<std::string>> differences;
  for (const std::string& name : names) {
    std::vector<std::string> values;
    for (const ComparedRun& run : runs) {
      const auto found = run.config.find(name);
      values.push_back(found == run.config.end() ? "-" : found->second);
    }
    if (std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) != values.end()) differences[name] = values;
  }
  return differences;
}

char run_letter(std::size_t index) {
  return index < 26 ? static_cast<char>('a' + index) : '?';
}

std::vector<std::string> comparison_lines(const std::vector<ComparedRun>& runs, int width, int height, bool colours) {
  std::vector<std::string> lines = split_lines(figures_table(runs, width));
  lines.emplace_back();
  for (const std::string& line : split_lines(differences_table(runs, width))) lines.push_back(line);
  const std::vector<std::string> curves = curves_of(runs, width, height, colours);
  if (curves.empty()) return lines;
  lines.emplace_back();
  for (const std::string& line : legend_of(runs, width, colours)) lines.push_back(line);
  lines.insert(lines.end(), curves.begin(), curves.end());
  return lines;
}

}  // namespace cairn::app
