#include "lineage/exports/tensorboard.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>

#include <fmt/core.h>

#include "base/crc32c.h"
#include "base/json.h"

namespace cairn::lineage {
namespace {

constexpr std::size_t kPiece = 1 << 20;  // bytes gathered for one write

template <typename Unsigned>
std::string little_endian(Unsigned value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof value; ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xFF);
  return bytes;
}

std::string masked_crc(std::string_view bytes) {
  return little_endian(std::rotr(crc32c(bytes), 15) + 0xA282EAD8u);
}

// The wire format of protocol buffers: a varint holds the field's number and type, then its value.
std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
std::string integer_field(std::uint32_t number, std::uint64_t value) {
  return varint(number << 3 | 0) + varint(value);
}
std::string double_field(std::uint32_t number, double value) {
  return varint(number << 3 | 1) + little_endian(std::bit_cast<std::uint64_t>(value));
}
std::string bytes_field(std::uint32_t number, std::string_view bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + std::string(bytes);
}
std::string float_field(std::uint32_t number, float value) {
  return varint(number << 3 | 5) + little_endian(std::bit_cast<std::uint32_t>(value));
}

// Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; SessionLog session_log = 7 }
std::string event(double wall_time, std::int64_t step, const std::string& what) {
  const std::string number = step == 0 ? "" : integer_field(2, static_cast<std::uint64_t>(step));  // 0 is what is left out
  return tfrecord(double_field(1, wall_time) + number + what);
}

// Summary { repeated Value value = 1 }, Value { string tag = 1; float simple_value = 2 }
std::string scalar(std::string_view tag, double value) {
  return bytes_field(1, bytes_field(1, tag) + float_field(2, static_cast<float>(value)));
}

// The first one opens the file; at each later one a reader drops what it has from its step on.
std::string session_start(std::int64_t step, double wall_time) {
  constexpr std::uint64_t kStart = 1;  // SessionLog { SessionStatus status = 1 }
  return event(wall_time, step, bytes_field(7, integer_field(1, kStart)));
}

// google.protobuf.Value { double number_value = 2; string string_value = 3; bool bool_value = 4 }
std::string protobuf_value(const Json& value) {
  if (value.is_boolean()) return integer_field(4, value.get<bool>() ? 1 : 0);
  if (value.is_number()) return double_field(2, value.get<double>());
  return bytes_field(3, value.is_string() ? value.get<std::string>() : canonical_json(value));
}

// Value { tag = 1; SummaryMetadata metadata = 9 { PluginData plugin_data = 1 { plugin_name = 1; content = 2 } };
//         TensorProto tensor = 8 { dtype = 1; TensorShapeProto tensor_shape = 2 { Dim dim = 2 {} } } }
// HParamsPluginData { SessionStartInfo session_start_info = 3 { map<string, Value> hparams = 1; group_name = 4;
//                     double start_time_secs = 5 } }
std::string hyperparameters(const Run& run, double started) {
  std::map<std::string, Json> flat = plain_values(parse_json(run.config, "config"));
  flat["seed"] = run.seed;
  std::string info;
  for (const auto& [name, value] : flat) info += bytes_field(1, bytes_field(1, name) + bytes_field(2, protobuf_value(value)));
  info += bytes_field(4, run.uuid.text()) + double_field(5, started);
  const std::string plugin = bytes_field(1, "hparams") + bytes_field(2, bytes_field(3, info));
  constexpr std::uint64_t kFloat = 1;
  const std::string nothing = integer_field(1, kFloat) + bytes_field(2, bytes_field(2, ""));
  const std::string value =
      bytes_field(1, "_hparams_/session_start_info") + bytes_field(8, nothing) + bytes_field(9, bytes_field(1, plugin));
  return bytes_field(5, bytes_field(1, value));
}

std::string tag_of(const std::string& name) {
  const bool part_of_step = name.ends_with("_s") && !name.ends_with("_per_s");
  std::string tag = (part_of_step ? "time/" : "train/") + name;
  std::replace(tag.begin(), tag.end(), '.', '/');
  return tag;
}

// Reads a series beside others, step by step.
struct Cursor {
  std::string tag;
  const MetricSeries* series;
  std::size_t at;
};

}  // namespace

std::string tfrecord(std::string_view bytes) {
  const std::string length = little_endian(static_cast<std::uint64_t>(bytes.size()));
  return length + masked_crc(length) + std::string(bytes) + masked_crc(bytes);
}

TensorBoardFile::TensorBoardFile(Disk& disk, const std::filesystem::path& folder, const Run& run)
    : path_(folder / fmt::format("events.out.tfevents.{:010}.cairn.{}", run.started / 1'000'000, run.uuid.text())),
      started_(static_cast<double>(run.started) * 1e-6),
      next_step_(std::numeric_limits<std::int64_t>::min()) {
  disk.make_directories(folder);
  disk.remove(path_);
  file_ = disk.create(path_);
  file_->write(event(started_, 0, bytes_field(3, "brain.Event:2")) + session_start(0, started_) +
               event(started_, 0, hyperparameters(run, started_)));
}

std::size_t TensorBoardFile::append(const RunMetrics& metrics) {
  std::string text;
  const std::vector<MetricRow>& rows = metrics.rows();
  if (const auto back = metrics.taken_back(); back && *back < next_step_) {
    text += session_start(*back, rows.empty() ? started_ : static_cast<double>(rows.back().time) * 1e-6);
    next_step_ = *back;
  }
  std::vector<Cursor> cursors;
  for (const std::string& name : metrics.names()) {
    const MetricSeries& series = metrics.series(name);
    const auto at = std::lower_bound(series.steps.begin(), series.steps.end(), next_step_) - series.steps.begin();
    cursors.push_back({tag_of(name), &series, static_cast<std::size_t>(at)});
  }
  const auto first = std::lower_bound(rows.begin(), rows.end(), next_step_,
                                      [](const MetricRow& row, std::int64_t step) { return row.step < step; });
  for (auto row = first; row != rows.end(); ++row) {
    std::string summary;
    for (Cursor& cursor : cursors) {
      const MetricSeries& series = *cursor.series;
      if (cursor.at < series.steps.size() && series.steps[cursor.at] == row->step)
        summary += scalar(cursor.tag, series.values[cursor.at++]);
    }
    if (!summary.empty())
      text += event(row->time > 0 ? static_cast<double>(row->time) * 1e-6 : started_, row->step, bytes_field(5, summary));
    next_step_ = row->step + 1;
    if (text.size() < kPiece) continue;
    file_->write(text);
    text.clear();
  }
  if (!text.empty()) file_->write(text);
  return static_cast<std::size_t>(rows.end() - first);
}

}  // namespace cairn::lineage
