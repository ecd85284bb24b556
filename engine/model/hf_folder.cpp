#include "engine/model/hf_folder.h"

#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"

namespace cairn::model {
namespace {

constexpr double kBeta = 0.5, kEps = -1e-6;  // of xIELU: constants that transformers stores as buffers of rank 0

bool ends_with(std::string_view text, std::string_view ending) {
  return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
}

// The weight files of a folder and which of them holds each tensor.
class WeightFiles {
 public:
  explicit WeightFiles(const std::filesystem::path& folder) : folder_(folder) {
    const std::filesystem::path single = folder / "model.safetensors", index = folder / "model.safetensors.index.json";
    if (std::filesystem::exists(single)) {
      const SafetensorsFile& file = open("model.safetensors");
      for (const StoredTensor& tensor : file.tensors()) files_of_.emplace(tensor.name, &file);
    } else if (std::filesystem::exists(index)) {
      read_index(index);
    } else {
      fail("{}: holds neither model.safetensors nor model.safetensors.index.json", folder.string());
    }
  }

  const std::map<std::string, const SafetensorsFile*>& tensors() const { return files_of_; }

  const SafetensorsFile& file_of(const std::string& name) const {
    const auto it = files_of_.find(name);
    if (it == files_of_.end()) fail("{}: has no tensor '{}', which config.json asks for", folder_.string(), name);
    return *it->second;
  }

 private:
  const SafetensorsFile& open(const std::string& name) {
    auto [it, added] = files_.try_emplace(name, nullptr);
    if (added) it->second = std::make_unique<SafetensorsFile>(folder_ / name);
    return *it->second;
  }

  void read_index(const std::filesystem::path& path) {
    const Json index = read_json(path);
    if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
      fail("{}: expected an object with an object \"weight_map\"", path.string());
    }
    for (const auto& item : index["weight_map"].items()) {
      const Json& value = item.value();
      const std::string name = value.is_string() ? value.get<std::string>() : "";
      // A plain file name beside the index: nothing outside of the folder is read.
      if (name.empty() || name.find('/') != std::string::npos || name[0] == '.') {
        fail("{}: weight_map: '{}': expected the name of a file in the same folder", path.string(), item.key());
      }
      const SafetensorsFile& file = open(name);
      if (!file.find(item.key()))
        fail("{}: weight_map puts tensor '{}' into {}, which does not hold it", path.string(), item.key(), name);
      files_of_.emplace(item.key(), &file);
    }
    for (const auto& [name, file] : files_) {
      for (const StoredTensor& tensor : file->tensors()) {
        if (!files_of_.count(tensor.name)) fail("{}: weight_map lacks tensor '{}' of {}", path.string(), tensor.name, name);
      }
    }
  }

  std::filesystem::path folder_;
  std::map<std::string, std::unique_ptr<SafetensorsFile>> files_;
  std::map<std::string, const SafetensorsFile*> files_of_;
};

// act_fn.beta and act_fn.eps may be stored, rounded to the file's type; other values would be another activation.
void check_constant(const SafetensorsFile& file, const std::string& name, double expected) {
  const StoredTensor& tensor = file.require(name);
  double value = 0;
  if (tensor.elements() != 1) fail("{}: tensor '{}' is {}, expected a scalar", file.path().string(), name, tensor.describe());
  Tensor out(&value, Dtype::f64, {});
  if (tensor.shape.size() == 1) out = out.reshape({1});
  file.read(tensor, out);
  if (std::abs(value - expected) > 0.01 * std::abs(expected)) {
    fail("{}: tensor '{}' is {}; only {} is supported", file.path().string(), name, value, expected);
  }
}

void read_generation_config(const std::filesystem::path& path, ModelConfig& config) {
  if (!std::filesystem::exists(path)) return;
  const Json json = read_json(path);
  if (!json.is_object()) fail("{}: expected an object", path.string());
  const auto it = json.find("eos_token_id");
  if (it == json.end() || it->is_null()) return;
  std::vector<std::int32_t> eos;
  for (const Json& id : it->is_array() ? *it : Json::array({*it})) {
    if (!id.is_number_integer() || id < 0 || id > 0x7fffffff)
      fail("{}: eos_token_id: expected token ids, found {}", path.string(), it->dump());
    eos.push_back(id.get<std::int32_t>());
  }
  config.eos = std::move(eos);
}

void write_text(Disk& disk, const std::filesystem::path& path, const std::string& text) {
  const std::unique_ptr<DiskFile> file = disk.create(path);
  file->write(text);
  file->sync();
  file->close();
}

}  // namespace

void load_hf_weights(const std::filesystem::path& folder, Parameters& parameters) {
  const WeightFiles files(folder);
  std::set<std::string> known;
  for (const NamedTensor& named : parameters.all()) {
    const SafetensorsFile& file = files.file_of(named.name);
    file.read(file.require(named.name), named.tensor);
    known.insert(named.name);
  }
  for (const auto& [name, file] : files.tensors()) {
    if (known.count(name)) continue;
    if (ends_with(name, ".mlp.act_fn.beta")) {
      check_constant(*file, name, kBeta);
    } else if (ends_with(name, ".mlp.act_fn.eps")) {
      check_constant(*file, name, kEps);
    } else {
      const std::string near = nearest_name(name, {known.begin(), known.end()});
      fail("{}: tensor '{}' is not part of this model{}", file->path().string(), name,
           near.empty() ? "" : fmt::format(". Is '{}' meant?", near));
    }
  }
}

LoadedModel load_hf_folder(const std::filesystem::path& folder, Dtype dtype) {
  ModelConfig config = read_hf_config(folder / "config.json");
  read_generation_config(folder / "generation_config.json", config);
  Parameters parameters(config, dtype);
  load_hf_weights(folder, parameters);
  return {config, std::move(parameters)};
}

void write_hf_folder(Disk& disk, const std::filesystem::path& folder, const Parameters& parameters, StoredType type) {
  disk.make_directories(folder);
  for (const NamedText& file : hf_config_files(parameters.config(), type)) write_text(disk, folder / file.name, file.text);
  write_safetensors(disk, folder / "model.safetensors", hf_tensors(parameters.all(), type));
  disk.sync_directory(folder);
}

std::vector<NamedText> hf_config_files(const ModelConfig& config, StoredType type) {
  if (type != StoredType::f32 && type != StoredType::bf16)
    fail_usage("model folders are written as F32 or BF16, not {}", stored_type_name(type));
  const Json shape = to_hf_config(config, type == StoredType::f32 ? "float32" : "bfloat16");
  const Json generation = {{"bos_token_id", config.bos}, {"eos_token_id", shape["eos_token_id"]}, {"pad_token_id", config.pad}};
  return {{"config.json", pretty_json(shape)}, {"generation_config.json", pretty_json(generation)}};
}

std::vector<TensorToStore> hf_tensors(const std::vector<NamedTensor>& weights, StoredType type) {
  static float beta = kBeta, eps = kEps;  // tensors are views; nobody writes through these
  std::vector<TensorToStore> tensors;
  for (const NamedTensor& named : weights) {
    tensors.push_back({named.name, type, named.tensor});
    if (!ends_with(named.name, ".mlp.act_fn.alpha_n")) continue;
    const std::string at = named.name.substr(0, named.name.size() - std::string_view("alpha_n").size());
    tensors.push_back({at + "beta", type, Tensor(&beta, Dtype::f32, {})});
    tensors.push_back({at + "eps", type, Tensor(&eps, Dtype::f32, {})});
  }
  return tensors;
}

}  // namespace cairn::model
