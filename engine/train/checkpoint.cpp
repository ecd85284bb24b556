#include "engine/train/checkpoint.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/schema.h"
#include "engine/model/hf_folder.h"
#include "engine/model/safetensors.h"

namespace cairn::train {

namespace {

constexpr const char* kFormat = "cairn-checkpoint";
constexpr std::int64_t kVersion = 1;
constexpr std::array kFiles{"config.json", "generation_config.json", "model.safetensors", "state.json", "trace.jsonl"};
constexpr std::string_view kPrefix = "step-";

void write_text(Disk& disk, const fs::path& path, std::string_view text) {
  const std::unique_ptr<DiskFile> file = disk.create(path);
  file->write(text);
  file->sync();
  file->close();
}

void write_moments(Disk& disk, const fs::path& path, const Optimizer& optimizer) {
  std::vector<model::TensorToStore> tensors;
  for (const Moment& moment : optimizer.moments()) {
    for (const model::NamedTensor& p : moment.tensors) {
      tensors.push_back({moment.name + "." + p.name, model::StoredType::f32, p.tensor});
    }
  }
  model::write_safetensors(disk, path, tensors);
}

void read_moments(const fs::path& path, const Optimizer& optimizer) {
  const model::SafetensorsFile file(path);
  for (const Moment& moment : optimizer.moments()) {
    for (const model::NamedTensor& p : moment.tensors) file.read(file.require(moment.name + "." + p.name), p.tensor);
  }
}

const Schema& state_schema() {
  static const Schema schema = object({
      field("format", string().one_of({kFormat}), "what this file is"),
      field("version", integer().min(kVersion).max(kVersion), "of the format"),
      field("step", integer().min(0), "steps done"),
      field("samples", integer().min(0), "samples read"),
      field("skipped", integer().min(0), "steps skipped because loss or gradient was not finite"),
      field("skipped_in_a_row", integer().min(0), "of these, directly before this checkpoint"),
      field("optimizer", object({field("name", string(), "method"), field("steps", integer().min(0), "updates done")}),
            "its counters"),
      field("facts", anything(), "what a resuming run must agree with"),
  });
  return schema;
}

Config read_state(const fs::path& folder) {
  const fs::path path = folder / "state.json";
  return Config(state_schema().complete(read_json(path), path.string()), path.string());
}

// The first key whose values differ, for the message.
std::string first_difference(const Json& ours, const Json& theirs) {
  for (const auto& [key, value] : ours.items()) {
    if (!theirs.is_object() || !theirs.contains(key)) return fmt::format("'{}' is missing", key);
    if (theirs.at(key) != value) return fmt::format("'{}' is {}, expected {}", key, theirs.at(key).dump(), value.dump());
  }
  for (const auto& [key, value] : theirs.items()) {
    if (!ours.contains(key)) return fmt::format("'{}' was not expected", key);
  }
  return "the facts differ";
}

std::string bits_of(double value) {
  return fmt::format("{:016x}", std::bit_cast<std::uint64_t>(value));
}

}  // namespace

void append_trace(std::string& trace, std::int64_t step, double loss, double grad_norm) {
  trace += fmt::format("{{\"grad_norm\":\"{}\",\"loss\":\"{}\",\"step\":{}}}\n", bits_of(grad_norm), bits_of(loss), step);
}

void write_checkpoint(Disk& disk, const fs::path& folder, const model::Parameters& parameters, const Optimizer* optimizer,
                      const TrainState& state, const Json& facts) {
  disk.make_directories(folder);
  std::vector<std::string> files(kFiles.begin(), kFiles.end());
  model::write_hf_folder(disk, folder, parameters);
  Json json = {{"format", kFormat},
               {"version", kVersion},
               {"step", state.step},
               {"samples", state.samples},
               {"skipped", state.skipped},
               {"skipped_in_a_row", state.skipped_in_a_row},
               {"optimizer", {{"name", "none"}, {"steps", 0}}},
               {"facts", facts}};
  if (optimizer != nullptr) {
    write_moments(disk, folder / "optimizer.safetensors", *optimizer);
    files.push_back("optimizer.safetensors");
    json["optimizer"] = {{"name", optimizer_name(optimizer->config().method)}, {"steps", optimizer->steps()}};
  }
  write_text(disk, folder / "state.json", pretty_json(json));
  write_text(disk, folder / "trace.jsonl", state.trace);

  Json manifest = {{"format", kFormat}, {"version", kVersion}, {"files", Json::object()}};
  for (const std::string& name : files) {
    manifest["files"][name] = {{"bytes", disk.size(folder / name)}, {"sha256", sha256_file(folder / name).hex()}};
  }
  write_text(disk, folder / "manifest.json", pretty_json(manifest));
  disk.sync_directory(folder);
}

std::string checkpoint_damage(const fs::path& folder) {
  try {
    if (!fs::is_regular_file(folder / "manifest.json")) return "manifest.json: missing";
    const Json manifest = read_json(folder / "manifest.json");
    if (manifest.value("format", "") != kFormat) return "manifest.json: not of a checkpoint";
    const Json& files = manifest.at("files");
    for (const char* name : kFiles) {
      if (!files.contains(name)) return fmt::format("manifest.json: '{}' is not listed", name);
    }
    for (const auto& [name, entry] : files.items()) {
      const fs::path path = folder / name;
      if (!fs::is_regular_file(path)) return fmt::format("{}: missing", name);
      const auto bytes = entry.at("bytes").get<std::uint64_t>();
      if (fs::file_size(path) != bytes) return fmt::format("{}: {} bytes, expected {}", name, fs::file_size(path), bytes);
      if (sha256_file(path).hex() != entry.at("sha256").get<std::string>()) return fmt::format("{}: SHA-256 differs", name);
    }
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TrainState read_checkpoint(const fs::path& folder, model::Parameters& parameters, Optimizer& optimizer, const Json& facts) {
  const Config state = read_state(folder);
  if (state.json("facts") != facts) {
    fail("{}: written by another training: {}", folder.string(), first_difference(facts, state.json("facts")));
  }
  const Config counters = state.object("optimizer");
  const std::string method = optimizer_name(optimizer.config().method);
  if (counters.string("name") != method) {
    fail("{}: written with optimizer {}, this run uses {}", folder.string(), counters.string("name"), method);
  }
  model::load_hf_weights(folder, parameters);
  read_moments(folder / "optimizer.safetensors", optimizer);
  optimizer.set_steps(counters.integer("steps"));
  TrainState result;
  result.step = state.integer("step");
  result.samples = state.integer("samples");
  result.skipped = state.integer("skipped");
  result.skipped_in_a_row = state.integer("skipped_in_a_row");
  result.trace = read_file(folder / "trace.jsonl");
  return result;
}

Json read_checkpoint_facts(const fs::path& folder) {
  return read_state(folder).json("facts");
}

CheckpointFolder::CheckpointFolder(Disk& disk, fs::path folder, int keep) : disk_(disk), folder_(std::move(folder)), keep_(keep) {
  disk_.make_directories(folder_);
  for (const DiskEntry& entry : disk_.list(folder_)) {
    if (entry.name.ends_with(".partial") || entry.name.ends_with(".removed")) disk_.remove_tree(folder_ / entry.name);
  }
}

fs::path CheckpointFolder::path_of(std::int64_t step) const {
  return folder_ / fmt::format("{}{:08}", kPrefix, step);
}

std::vector<std::int64_t> CheckpointFolder::steps() const {
  std::vector<std::int64_t> steps;
  for (const DiskEntry& entry : disk_.list(folder_)) {
    if (!entry.is_directory || !entry.name.starts_with(kPrefix)) continue;
    std::int64_t step = 0;
    const char* end = entry.name.data() + entry.name.size();
    const auto parsed = std::from_chars(entry.name.data() + kPrefix.size(), end, step);
    if (parsed.ec == std::errc() && parsed.ptr == end) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

void CheckpointFolder::save(const model::Parameters& parameters, const Optimizer& optimizer, const TrainState& state,
                            const Json& facts) {
  const fs::path final = path_of(state.step);
  const fs::path partial = final.string() + ".partial";
  disk_.remove_tree(partial);
  write_checkpoint(disk_, partial, parameters, &optimizer, state, facts);
  disk_.remove_tree(final);  // only a damaged one, passed over by resume(), can stand there
  disk_.rename(partial, final);
  disk_.sync_directory(folder_);
  std::vector<std::int64_t> kept = steps();
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep_) < kept.size(); ++i) {
    const fs::path old = path_of(kept[i]);
    const fs::path removed = old.string() + ".removed";
    disk_.remove_tree(removed);
    disk_.rename(old, removed);
    disk_.remove_tree(removed);
  }
}

std::optional<TrainState> CheckpointFolder::resume(model::Parameters& parameters, Optimizer& optimizer, const Json& facts) {
  std::vector<std::int64_t> candidates = steps();
  std::reverse(candidates.begin(), candidates.end());
  std::string passed_over;
  for (const std::int64_t step : candidates) {
    const std::string damage = checkpoint_damage(path_of(step));
    if (!damage.empty()) {
      passed_over += fmt::format("checkpoint {}{} is damaged ({}); ", kPrefix, step, damage);
      continue;
    }
    if (!passed_over.empty()) log_warning(fmt::format("{}resuming from {}{}", passed_over, kPrefix, step));
    return read_checkpoint(path_of(step), parameters, optimizer, facts);
  }
  if (!passed_over.empty()) log_warning(passed_over + "starting over");
  return std::nullopt;
}

}  // namespace cairn::train
