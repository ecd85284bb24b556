#include "lineage/metrics.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "lineage/workspace.h"

namespace cairn::lineage {
namespace {

constexpr std::size_t kPiece = 1 << 20;  // bytes read at a time
constexpr int kMostDepth = 4;            // of objects within a line
constexpr double kMostStep = 1e15;       // whole numbers beyond are no doubles any more, and no steps

double infinity_or_nan(const std::string& text) {
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  return std::numeric_limits<double>::quiet_NaN();
}

bool is_non_finite_text(const Json& value) {
  return value.is_string() && (value == "nan" || value == "inf" || value == "-inf");
}

MetricSeries::Kind kind_of(const Json& value) {
  if (value.is_boolean()) return MetricSeries::Kind::boolean;
  return value.is_number_integer() ? MetricSeries::Kind::integer : MetricSeries::Kind::real;
}

Json as_written(double value, MetricSeries::Kind kind) {
  if (kind == MetricSeries::Kind::boolean) return value != 0;
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  // Integers beyond 2^53 were rounded when they became doubles.
  if (kind == MetricSeries::Kind::integer && std::abs(value) <= 9007199254740992.0) return static_cast<std::int64_t>(value);
  return value;
}

}  // namespace

RunMetrics::RunMetrics(std::vector<std::filesystem::path> files) : files_(std::move(files)), read_(files_.size(), 0) {}

bool RunMetrics::refresh() {
  changed_ = false;
  taken_back_.reset();
  for (std::size_t attempt = 0; attempt < files_.size(); ++attempt) {
    std::error_code missing;
    const std::uint64_t size = fs::file_size(files_[attempt], missing);
    if ((missing ? 0 : size) >= read_[attempt]) continue;
    std::fill(read_.begin(), read_.end(), 0);
    drop_from(std::numeric_limits<std::int64_t>::min());
    damaged_ = 0;
    changed_ = true;
  }
  for (std::size_t attempt = 0; attempt < files_.size(); ++attempt) read_file(attempt);
  return changed_;
}

void RunMetrics::read_file(std::size_t attempt) {
  const std::filesystem::path& path = files_[attempt];
  if (!fs::exists(path)) return;
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(read_[attempt]));
  if (!file) fail("{}: cannot be read", path.string());
  std::string piece(kPiece, '\0'), text;  // text: from the last newline on
  while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())), file.gcount() > 0) {
    text.append(piece, 0, static_cast<std::size_t>(file.gcount()));
    std::size_t begin = 0;
    for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      take_line(attempt, std::string_view(text).substr(begin, end - begin));
    }
    read_[attempt] += begin;
    text.erase(0, begin);
  }
  if (file.bad()) fail("{}: cannot be read", path.string());
}

void RunMetrics::take_line(std::size_t attempt, std::string_view text) {
  changed_ = true;
  const Json line = Json::parse(text, nullptr, false);
  if (!line.is_object()) {  // a kill cut it, or it is none of ours
    ++damaged_;
    return;
  }
  MetricRow row{rows_.empty() ? 0 : rows_.back().step + 1, 0, attempt};
  if (const auto step = line.find("step"); step != line.end()) {
    if (!step->is_number_integer() || std::abs(step->get<double>()) > kMostStep) {
      ++damaged_;
      return;
    }
    row.step = step->get<std::int64_t>();
  }
  if (const auto time = line.find("time"); time != line.end() && time->is_number_integer()) row.time = time->get<std::int64_t>();

  const bool same = !rows_.empty() && rows_.back().attempt == attempt && rows_.back().step == row.step;
  if (same) {
    taken_back_ = std::min(taken_back_.value_or(row.step), row.step);
    rows_.back().time = std::max(rows_.back().time, row.time);
  } else {
    drop_from(row.step);
    rows_.push_back(row);
  }
  for (const auto& [name, value] : line.items()) {
    if (name != "step" && name != "time") take_value(row.step, name, value, 1);
  }
}

void RunMetrics::take_value(std::int64_t step, const std::string& name, const Json& value, int depth) {
  if (value.is_structured()) {
    if (depth > kMostDepth) return;
    std::size_t index = 0;
    for (const auto& [key, member] : value.items()) {
      take_value(step, name + "." + (value.is_array() ? std::to_string(index++) : key), member, depth + 1);
    }
  } else if (value.is_string() && !is_non_finite_text(value)) {
    notes_.push_back({step, name, value.get<std::string>()});
  } else if (!value.is_null()) {
    MetricSeries& series = series_[name];
    series.kind = std::max(series.kind, kind_of(value));
    if (series.empty() || series.steps.back() != step) {
      series.steps.push_back(step);
      series.values.push_back(0);
    }
    series.values.back() = value.is_boolean()  ? static_cast<double>(value.get<bool>())
                           : value.is_string() ? infinity_or_nan(value.get<std::string>())
                                               : value.get<double>();
  }
}

void RunMetrics::drop_from(std::int64_t step) {
  if (rows_.empty() || rows_.back().step < step) return;
  while (!rows_.empty() && rows_.back().step >= step) {
    taken_back_ = std::min(taken_back_.value_or(rows_.back().step), rows_.back().step);
    rows_.pop_back();
  }
  while (!notes_.empty() && notes_.back().step >= step) notes_.pop_back();
  for (auto it = series_.begin(); it != series_.end();) {
    MetricSeries& series = it->second;
    while (!series.empty() && series.steps.back() >= step) {
      series.steps.pop_back();
      series.values.pop_back();
    }
    it = series.empty() ? series_.erase(it) : std::next(it);
  }
}

std::vector<std::string> RunMetrics::names() const {
  std::vector<std::string> names;
  for (const auto& [name, series] : series_) names.push_back(name);
  return names;
}

const MetricSeries& RunMetrics::series(std::string_view name) const {
  static const MetricSeries none;
  const auto found = series_.find(name);
  return found == series_.end() ? none : found->second;
}

Json RunMetrics::row_json(std::size_t row) const {
  const MetricRow& of = rows_.at(row);
  Json json = {{"step", of.step}};
  if (of.time != 0) json["time"] = of.time;
  for (const auto& [name, series] : series_) {
    const auto at = std::lower_bound(series.steps.begin(), series.steps.end(), of.step);
    if (at == series.steps.end() || *at != of.step) continue;
    json[name] = as_written(series.values[static_cast<std::size_t>(at - series.steps.begin())], series.kind);
  }
  const auto first = std::lower_bound(notes_.begin(), notes_.end(), of.step,
                                      [](const MetricNote& note, std::int64_t step) { return note.step < step; });
  for (auto note = first; note != notes_.end() && note->step == of.step; ++note) json[note->name] = note->text;
  return json;
}

double RunMetrics::seconds() const {
  const MetricSeries& step_seconds = series("step_s");
  double seconds = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const bool told = i > 0 && rows_[i].attempt == rows_[i - 1].attempt && rows_[i].time != 0 && rows_[i - 1].time != 0;
    if (told) {
      seconds += std::max(0.0, static_cast<double>(rows_[i].time - rows_[i - 1].time) * 1e-6);
      continue;
    }
    const auto at = std::lower_bound(step_seconds.steps.begin(), step_seconds.steps.end(), rows_[i].step);
    if (at == step_seconds.steps.end() || *at != rows_[i].step) continue;
    const double value = step_seconds.values[static_cast<std::size_t>(at - step_seconds.steps.begin())];
    if (std::isfinite(value)) seconds += value;
  }
  return seconds;
}

std::vector<std::filesystem::path> metric_files(const Workspace& workspace, const Ledger& ledger, const Run& run) {
  std::vector<std::filesystem::path> files{workspace.run_folder(run.uuid) / "metrics.jsonl"};
  if (run.reproduction_of) return files;
  for (const Run& earlier : ledger.runs()) {  // newest first
    if (earlier.id >= run.id || earlier.action != run.action || earlier.reproduction_of) continue;
    if (earlier.state == RunState::done) break;
    files.push_back(workspace.run_folder(earlier.uuid) / "metrics.jsonl");
  }
  std::reverse(files.begin(), files.end());
  return files;
}

}  // namespace cairn::lineage
