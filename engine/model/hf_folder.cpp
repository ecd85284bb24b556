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
      if (!std::filesystem::exists(folder_ / name)) {
        fail("{}: weight_map puts tensor '{}' into {}, which is not in the folder", path.string(), item.key(), name);
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

// A head that is stored although it is tied must be the embedding.
void check_tied(const WeightFiles& files, const std::string& head) {
  const std::string embedding = "model.embed_tokens.weight";
  const SafetensorsFile &a = files.file_of(head), &b = files.file_of(embedding);
  const StoredTensor &x = a.require(head), &y = b.require(embedding);
  const std::span<const std::byte> p = a.bytes(x), q = b.bytes(y);
  if (x.type != y.type || !std::equal(p.begin(), p.end(), q.begin(), q.end())) {
    fail("{}: tensor '{}' differs from '{}' although config.json says tie_word_embeddings", a.path().string(), head, embedding);
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

std::int64_t stored_bytes(const TensorToStore& item) {
  return item.tensor.size() * stored_type_bytes(item.type);
}

// One file, or several under an index: as many tensors in each as fit.
void write_weights(Disk& disk, const std::filesystem::path& folder, const std::vector<TensorToStore>& tensors,
                   std::int64_t max_file_bytes) {
  std::vector<std::vector<TensorToStore>> files(1);
  std::int64_t in_file = 0, total = 0, elements = 0;
  for (const TensorToStore& item : tensors) {
    const std::int64_t bytes = stored_bytes(item);
    if (max_file_bytes > 0 && in_file > 0 && in_file + bytes > max_file_bytes) {
      files.emplace_back();
      in_file = 0;
    }
    files.back().push_back(item);
    in_file += bytes;
    total += bytes;
    elements += item.tensor.size();
  }
  if (files.size() == 1) return write_safetensors(disk, folder / "model.safetensors", tensors);

  Json map = Json::object();
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, files.size());
    write_safetensors(disk, folder / name, files[i]);
    for (const TensorToStore& item : files[i]) map[item.name] = name;
  }
  const Json index = {{"metadata", {{"total_parameters", elements}, {"total_size", total}}}, {"weight_map", map}};
  write_new_file(disk, folder / "model.safetensors.index.json", pretty_json(index));
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
    if (known.count(name) || name.ends_with(".rotary_emb.inv_freq")) continue;  // older folders store the rotary frequencies
    if (name.ends_with(".mlp.act_fn.beta")) {
      check_constant(*file, name, kBeta);
    } else if (name.ends_with(".mlp.act_fn.eps")) {
      check_constant(*file, name, kEps);
    } else if (name == "lm_head.weight" && parameters.config().architecture.tied_embeddings) {
      check_tied(files, name);
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

void write_hf_folder(Disk& disk, const std::filesystem::path& folder, const Parameters& parameters, StoredType type,
                     std::int64_t max_file_bytes) {
  disk.make_directories(folder);
  for (const NamedText& file : hf_config_files(parameters.config(), type)) write_new_file(disk, folder / file.name, file.text);
  write_weights(disk, folder, hf_tensors(parameters.all(), type), max_file_bytes);
  disk.sync_directory(folder);
}

std::vector<NamedText> hf_config_files(const ModelConfig& config, StoredType type) {
  const std::map<StoredType, const char*> names = {
      {StoredType::f32, "float32"}, {StoredType::bf16, "bfloat16"}, {StoredType::f16, "float16"}};
  if (!names.count(type)) fail_usage("model folders are written as F32, BF16 or F16, not {}", stored_type_name(type));
  const Json shape = to_hf_config(config, names.at(type));
  const Json generation = {
      {"bos_token_id", shape["bos_token_id"]}, {"eos_token_id", shape["eos_token_id"]}, {"pad_token_id", shape["pad_token_id"]}};
  return {{"config.json", pretty_json(shape)}, {"generation_config.json", pretty_json(generation)}};
}

std::vector<TensorToStore> hf_tensors(const std::vector<NamedTensor>& weights, StoredType type) {
  static float beta = kBeta, eps = kEps;  // tensors are views; nobody writes through these
  std::vector<TensorToStore> tensors;
  for (const NamedTensor& named : weights) {
    tensors.push_back({named.name, type, named.tensor});
    if (!named.name.ends_with(".mlp.act_fn.alpha_n")) continue;
    const std::string at = named.name.substr(0, named.name.size() - std::string_view("alpha_n").size());
    tensors.push_back({at + "beta", type, Tensor(&beta, Dtype::f32, {})});
    tensors.push_back({at + "eps", type, Tensor(&eps, Dtype::f32, {})});
  }
  return tensors;
}

}  // namespace cairn::model
