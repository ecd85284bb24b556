#include "engine/train/checkpoint.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

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
constexpr std::int64_t kVersion = 2;
constexpr std::array kFiles{"config.json", "generation_config.json", "model.safetensors", "state.json"};
constexpr const char* kMoments = "optimizer.safetensors";
constexpr std::string_view kPrefix = "step-";

void write_text(Disk& disk, const fs::path& path, std::string_view text) {
  const std::unique_ptr<DiskFile> file = disk.create(path);
  file->write(text);
  file->sync();
  file->close();
}

template <typename... Cases>
struct Match : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Match(Cases...) -> Match<Cases...>;

bool is_weights(const StateField& field) {
  return field.name == kWeights;
}
bool is_moment(const StateField& field) {
  return !is_weights(field) && std::holds_alternative<StateField::Tensors>(field.value);
}

const StateField::Tensors& weights_of(const StateFields& state) {
  for (const StateField& field : state) {
    if (is_weights(field)) return std::get<StateField::Tensors>(field.value);
  }
  fail("the state of a training has no field '{}'", kWeights);
}

void write_moments(Disk& disk, const fs::path& path, const StateFields& state) {
  std::vector<model::TensorToStore> tensors;
  for (const StateField& field : state) {
    if (!is_moment(field)) continue;
    for (const model::NamedTensor& p : std::get<StateField::Tensors>(field.value)) {
      tensors.push_back({field.name + "." + p.name, model::StoredType::f32, p.tensor});
    }
  }
  model::write_safetensors(disk, path, tensors);
}

void read_tensors(const model::SafetensorsFile& file, const std::string& prefix, const StateField::Tensors& tensors) {
  for (const model::NamedTensor& p : tensors) file.read(file.require(prefix + p.name), p.tensor);
}

// The numbers of the state, and the names of its texts and tensors.
Json values_of(const StateFields& state) {
  Json values = Json::object();
  for (const StateField& field : state) {
    std::visit(Match{
                   [&](std::int64_t* value) { values[field.name] = *value; },
                   [&](double* value) { values[field.name] = bits_of(*value); },
                   [&](std::vector<double>* list) {
                     Json bits = Json::array();
                     for (const double value : *list) bits.push_back(bits_of(value));
                     values[field.name] = std::move(bits);
                   },
                   [&](std::string*) { values[field.name] = "text"; },
                   [&](const StateField::Tensors&) { values[field.name] = "tensors"; },
               },
               field.value);
  }
  return values;
}

std::int64_t integer_of(const Json& value) {
  if (!value.is_number_integer()) fail("expected a whole number, found {}", value.dump());
  return value.get<std::int64_t>();
}
double number_of(const Json& value) {
  if (!value.is_string()) fail("expected the bits of a number, found {}", value.dump());
  return number_of_bits(value.get<std::string>());
}

void read_value(const fs::path& folder, const StateField& field, const Json& value) {
  std::visit(Match{
                 [&](std::int64_t* out) { *out = integer_of(value); },
                 [&](double* out) { *out = number_of(value); },
                 [&](std::vector<double>* out) {
                   if (!value.is_array()) fail("expected a list, found {}", value.dump());
                   out->clear();
                   for (const Json& item : value) out->push_back(number_of(item));
                 },
                 [&](std::string* out) { *out = read_file(folder / field.name); },
                 [&](const StateField::Tensors&) {},
             },
             field.value);
}

const Schema& state_schema() {
  static const Schema schema = object({
      field("format", string().one_of({kFormat}), "what this file is"),
      field("version", integer().min(kVersion).max(kVersion), "of the format"),
      field("state", map(anything()), "each field of the state: its numbers, or which kind of file it is in"),
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

}  // namespace

StateFields without_moments(const StateFields& state) {
  StateFields result = state;
  std::erase_if(result, is_moment);
  return result;
}

void write_checkpoint(Disk& disk, const fs::path& folder, const model::ModelConfig& config, const StateFields& state,
                      const Json& facts) {
  disk.make_directories(folder);
  std::vector<std::string> files(kFiles.begin(), kFiles.end());
  model::write_hf_config(disk, folder, config, model::StoredType::f32);
  model::write_safetensors(disk, folder / "model.safetensors", model::hf_tensors(weights_of(state), model::StoredType::f32));
  if (std::any_of(state.begin(), state.end(), is_moment)) {
    write_moments(disk, folder / kMoments, state);
    files.push_back(kMoments);
  }
  for (const StateField& field : state) {
    if (const auto* text = std::get_if<std::string*>(&field.value)) {
      write_text(disk, folder / field.name, **text);
      files.push_back(field.name);
    }
  }
  write_text(disk, folder / "state.json",
             pretty_json({{"format", kFormat}, {"version", kVersion}, {"state", values_of(state)}, {"facts", facts}}));

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

void read_checkpoint(const fs::path& folder, const StateFields& state, const Json& facts) {
  const Config stored = read_state(folder);
  if (stored.json("facts") != facts) {
    fail("{}: written by another training: {}", folder.string(), first_difference(facts, stored.json("facts")));
  }
  const Json& values = stored.json("state");
  std::set<std::string> names;
  for (const StateField& field : state) {
    names.insert(field.name);
    if (!values.contains(field.name)) fail("{}: holds no '{}', which this training carries on", folder.string(), field.name);
  }
  for (const auto& item : values.items()) {
    if (names.count(item.key()) == 0) fail("{}: holds '{}', which this training does not know", folder.string(), item.key());
  }
  for (const StateField& field : state) {
    try {
      read_value(folder, field, values.at(field.name));
    } catch (const Error& error) {
      fail("{}: state.{}: {}", (folder / "state.json").string(), field.name, error.what());
    }
  }
  read_tensors(model::SafetensorsFile(folder / "model.safetensors"), "", weights_of(state));
  if (std::none_of(state.begin(), state.end(), is_moment)) return;
  const model::SafetensorsFile moments(folder / kMoments);
  for (const StateField& field : state) {
    if (is_moment(field)) read_tensors(moments, field.name + ".", std::get<StateField::Tensors>(field.value));
  }
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

void CheckpointFolder::save(std::int64_t step, const model::ModelConfig& config, const StateFields& state, const Json& facts) {
  const fs::path final = path_of(step);
  const fs::path partial = final.string() + ".partial";
  disk_.remove_tree(partial);
  write_checkpoint(disk_, partial, config, state, facts);
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

bool CheckpointFolder::resume(const StateFields& state, const Json& facts) {
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
    read_checkpoint(path_of(step), state, facts);
    return true;
  }
  if (!passed_over.empty()) log_warning(passed_over + "starting over");
  return false;
}

}  // namespace cairn::train
