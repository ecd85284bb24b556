#include "engine/model/megatron.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/json.h"
#include "kernels/arena.h"

namespace cairn::model {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kVocabMultiple = 128;  // Megatron's --make-vocab-size-divisible-by

// Where a weight of a layer goes, by what follows "model.layers.N." in its Hugging Face name. Weights that share a Megatron name
// become one tensor.
enum class Cut { everywhere, rows, columns, qkv };
struct LayerName {
  const char* hugging_face;
  const char* megatron;
  const char* fused;  // with fused norms, where that differs
  Cut cut;
};
constexpr LayerName kLayerNames[] = {
    {"attention_layernorm.weight", "input_layernorm.weight", "self_attention.linear_qkv.layer_norm_weight", Cut::everywhere},
    {"input_layernorm.weight", "input_layernorm.weight", "self_attention.linear_qkv.layer_norm_weight", Cut::everywhere},
    {"self_attn.q_proj.weight", "self_attention.linear_qkv.weight", nullptr, Cut::qkv},
    {"self_attn.k_proj.weight", "self_attention.linear_qkv.weight", nullptr, Cut::qkv},
    {"self_attn.v_proj.weight", "self_attention.linear_qkv.weight", nullptr, Cut::qkv},
    {"self_attn.q_proj.bias", "self_attention.linear_qkv.bias", nullptr, Cut::qkv},
    {"self_attn.k_proj.bias", "self_attention.linear_qkv.bias", nullptr, Cut::qkv},
    {"self_attn.v_proj.bias", "self_attention.linear_qkv.bias", nullptr, Cut::qkv},
    {"self_attn.q_norm.weight", "self_attention.q_layernorm.weight", nullptr, Cut::everywhere},
    {"self_attn.k_norm.weight", "self_attention.k_layernorm.weight", nullptr, Cut::everywhere},
    {"self_attn.o_proj.weight", "self_attention.linear_proj.weight", nullptr, Cut::columns},
    {"feedforward_layernorm.weight", "pre_mlp_layernorm.weight", "mlp.linear_fc1.layer_norm_weight", Cut::everywhere},
    // OLMo 2's norm of this name stands elsewhere; its post_feedforward_layernorm has no place here, so that it is refused.
    {"post_attention_layernorm.weight", "pre_mlp_layernorm.weight", "mlp.linear_fc1.layer_norm_weight", Cut::everywhere},
    {"mlp.gate_proj.weight", "mlp.linear_fc1.weight", nullptr, Cut::rows},
    {"mlp.up_proj.weight", "mlp.linear_fc1.weight", nullptr, Cut::rows},
    {"mlp.act_fn.alpha_p", "mlp.activation_func.alpha_p", nullptr, Cut::everywhere},
    {"mlp.act_fn.alpha_n", "mlp.activation_func.alpha_n", nullptr, Cut::everywhere},
    {"mlp.down_proj.weight", "mlp.linear_fc2.weight", nullptr, Cut::columns},
};

struct Place {
  std::string name;
  Cut cut;
};

Place place_of(const std::string& weight, bool fused_norms) {
  if (weight == "model.embed_tokens.weight") return {"embedding.word_embeddings.weight", Cut::rows};
  if (weight == "lm_head.weight") return {"output_layer.weight", Cut::rows};
  if (weight == "model.norm.weight") return {"decoder.final_layernorm.weight", Cut::everywhere};
  constexpr std::string_view kLayers = "model.layers.";
  if (weight.starts_with(kLayers)) {
    const std::size_t dot = weight.find('.', kLayers.size());
    const std::string layer = weight.substr(kLayers.size(), dot - kLayers.size());
    for (const LayerName& name : kLayerNames) {
      if (weight.substr(dot + 1) != name.hugging_face) continue;
      return {fmt::format("decoder.layers.{}.{}", layer, fused_norms && name.fused != nullptr ? name.fused : name.megatron),
              name.cut};
    }
  }
  fail_usage("weight '{}' has no place in a Megatron checkpoint", weight);
}

std::int64_t rows_of(const Tensor& weight) {
  return weight.dims == 0 ? 1 : weight.shape[0];
}
std::int64_t columns_of(const Tensor& weight) {
  return weight.size() / rows_of(weight);
}

void check_divides(std::int64_t ranks, std::int64_t count, const char* what) {
  if (ranks < 1 || count % ranks != 0) fail_usage("tensor_parallel: {} {} cannot be shared by {} ranks", count, what, ranks);
}

class RankPlan {
 public:
  RankPlan(const Parameters& parameters, std::int64_t rank, const MegatronOptions& options)
      : weights_(parameters.all()), config_(parameters.config()), rank_(rank), ranks_(options.tensor_parallel) {
    check_divides(ranks_, config_.kv_heads, "key-value heads");
    check_divides(ranks_, config_.mlp_width, "columns of the MLP");
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const Place place = place_of(weights_[i].name, options.fused_norms);
      const bool vocabulary = place.cut == Cut::rows && place.name.find(".layers.") == std::string::npos;
      if (place.cut == Cut::qkv) {
        add_heads(place.name, i);
      } else if (vocabulary) {
        add_vocabulary(place.name, i);
      } else {
        add(place, i);
      }
    }
  }

  std::vector<MegatronTensor> take() {
    for (MegatronTensor& tensor : tensors_) {
      std::int64_t rows = tensor.zero_rows;
      for (const MegatronTensor::Rows& part : tensor.rows) rows += part.end - part.begin;
      tensor.shape = {rows};
      if (weights_[tensor.rows.front().weight].tensor.dims == 2) tensor.shape.push_back(tensor.column_end - tensor.column_begin);
    }
    return std::move(tensors_);
  }

 private:
  MegatronTensor& tensor(const std::string& name, std::size_t weight) {
    const auto it = std::find_if(tensors_.begin(), tensors_.end(), [&](const MegatronTensor& t) { return t.name == name; });
    if (it != tensors_.end()) return *it;
    tensors_.emplace_back();
    tensors_.back().name = name;
    tensors_.back().column_end = columns_of(weights_[weight].tensor);
    return tensors_.back();
  }

  void add(const Place& place, std::size_t weight) {
    MegatronTensor& out = tensor(place.name, weight);
    const std::int64_t rows = rows_of(weights_[weight].tensor), columns = columns_of(weights_[weight].tensor);
    out.everywhere = place.cut == Cut::everywhere;
    if (place.cut == Cut::columns) {
      out.column_begin = columns * rank_ / ranks_;
      out.column_end = columns * (rank_ + 1) / ranks_;
    }
    if (place.cut == Cut::rows) {
      out.rows.push_back({weight, rows * rank_ / ranks_, rows * (rank_ + 1) / ranks_});
    } else {
      out.rows.push_back({weight, 0, rows});
    }
  }

  // Rows of the vocabulary, padded; the last ranks may have padding alone.
  void add_vocabulary(const std::string& name, std::size_t weight) {
    MegatronTensor& out = tensor(name, weight);
    const std::int64_t rows = rows_of(weights_[weight].tensor), multiple = kVocabMultiple * ranks_;
    const std::int64_t share = (rows + multiple - 1) / multiple * kVocabMultiple;
    const std::int64_t begin = std::min(rows, share * rank_), end = std::min(rows, share * (rank_ + 1));
    out.rows.push_back({weight, begin, end});
    out.zero_rows = share - (end - begin);
  }

  // The weights of query, key and value come one after another; the value's turn adds all three, group by group.
  void add_heads(const std::string& name, std::size_t weight) {
    if (weights_[weight].name.find(".v_proj.") == std::string::npos) return;
    MegatronTensor& out = tensor(name, weight);
    const std::size_t q = sibling(weight, ".q_proj."), k = sibling(weight, ".k_proj.");
    const std::int64_t E = config_.head_width, queries = config_.heads / config_.kv_heads * E;
    for (std::int64_t g = config_.kv_heads * rank_ / ranks_; g < config_.kv_heads * (rank_ + 1) / ranks_; ++g) {
      out.rows.push_back({q, g * queries, (g + 1) * queries});
      out.rows.push_back({k, g * E, (g + 1) * E});
      out.rows.push_back({weight, g * E, (g + 1) * E});
    }
  }

  std::size_t sibling(std::size_t value, const char* projection) const {
    std::string name = weights_[value].name;
    name.replace(name.find(".v_proj."), std::strlen(".v_proj."), projection);
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (weights_[i].name == name) return i;
    }
    fail_usage("weight '{}' has no '{}' beside it", weights_[value].name, name);
  }

  const std::vector<NamedTensor>& weights_;
  const ModelConfig& config_;
  std::int64_t rank_, ranks_;
  std::vector<MegatronTensor> tensors_;
};

// Calls copy(row of the Megatron tensor, that row of the weight, from its first column on) for each row that is not padding.
template <typename Copy>
void each_row(const MegatronTensor& tensor, const Parameters& parameters, Copy copy) {
  std::int64_t row = 0;
  for (const MegatronTensor::Rows& part : tensor.rows) {
    const Tensor& weight = parameters.all()[part.weight].tensor;
    const std::int64_t columns = columns_of(weight);
    for (std::int64_t r = part.begin; r < part.end; ++r, ++row) {
      copy(row, static_cast<std::byte*>(weight.data) + (r * columns + tensor.column_begin) * dtype_bytes(weight.dtype));
    }
  }
}

Tensor view(void* data, Dtype dtype, const std::vector<std::int64_t>& shape) {
  return shape.size() == 1 ? Tensor(data, dtype, {shape[0]}) : Tensor(data, dtype, {shape[0], shape[1]});
}
std::int64_t elements_of(const MegatronTensor& tensor) {
  std::int64_t elements = 1;
  for (const std::int64_t size : tensor.shape) elements *= size;
  return elements;
}

Dtype type_of(const MegatronTensor& tensor, const Parameters& parameters) {
  return parameters.all()[tensor.rows.front().weight].tensor.dtype;
}

fs::path rank_file(const fs::path& folder, std::int64_t rank) {
  return folder / fmt::format("mp_rank_{:02}", rank) / "model.safetensors";
}

// The tensor of a rank's file, by the name that it has there: norms may be named either way.
const StoredTensor& find_tensor(const SafetensorsFile& file, const MegatronTensor& separate, const MegatronTensor& fused) {
  const StoredTensor* found = file.find(separate.name);
  if (found == nullptr) found = file.find(fused.name);
  if (found == nullptr) fail("{}: has no tensor '{}'", file.path().string(), separate.name);
  return *found;
}

void check_all_known(const SafetensorsFile& file, const std::set<std::string>& known) {
  for (const StoredTensor& tensor : file.tensors()) {
    // Transformer Engine's state of fp8 scaling, empty otherwise: not weights.
    if (tensor.name.ends_with("_extra_state") || known.count(tensor.name) != 0) continue;
    fail("{}: tensor '{}' is not part of this model", file.path().string(), tensor.name);
  }
}

void read_rank(const SafetensorsFile& file, std::int64_t rank, std::int64_t ranks, Parameters& parameters) {
  const auto separate = megatron_rank(parameters, rank, {.tensor_parallel = ranks, .fused_norms = false});
  const auto fused = megatron_rank(parameters, rank, {.tensor_parallel = ranks, .fused_norms = true});
  std::set<std::string> known;
  for (std::size_t i = 0; i < separate.size(); ++i) {
    const MegatronTensor& tensor = separate[i];
    const StoredTensor& stored = find_tensor(file, tensor, fused[i]);
    known.insert(stored.name);
    const Dtype dtype = type_of(tensor, parameters);
    const std::size_t width = static_cast<std::size_t>(tensor.column_end - tensor.column_begin) * std::size_t(dtype_bytes(dtype));
    std::vector<std::byte> values(static_cast<std::size_t>(elements_of(tensor) * dtype_bytes(dtype)));
    file.read(stored, view(values.data(), dtype, tensor.shape));
    bool same = true;
    each_row(tensor, parameters, [&](std::int64_t row, std::byte* weight) {
      const std::byte* from = values.data() + static_cast<std::size_t>(row) * width;
      same &= rank == 0 || !tensor.everywhere || std::memcmp(weight, from, width) == 0;
      std::memcpy(weight, from, width);
    });
    if (!same) fail("{}: tensor '{}' differs from rank 0's; every rank must have the same", file.path().string(), stored.name);
  }
  check_all_known(file, known);
}

}  // namespace

std::vector<MegatronTensor> megatron_rank(const Parameters& parameters, std::int64_t rank, const MegatronOptions& options) {
  return RankPlan(parameters, rank, options).take();
}

void write_megatron_folder(Disk& disk, const fs::path& folder, const Parameters& parameters, const MegatronOptions& options) {
  disk.make_directories(folder);
  for (std::int64_t rank = 0; rank < options.tensor_parallel; ++rank) {
    const std::vector<MegatronTensor> tensors = megatron_rank(parameters, rank, options);
    std::vector<std::vector<std::byte>> memory;
    std::vector<TensorToStore> stored;
    for (const MegatronTensor& tensor : tensors) {
      const Dtype dtype = type_of(tensor, parameters);
      const std::size_t width =
          static_cast<std::size_t>(tensor.column_end - tensor.column_begin) * std::size_t(dtype_bytes(dtype));
      std::vector<std::byte>& values = memory.emplace_back(static_cast<std::size_t>(elements_of(tensor) * dtype_bytes(dtype)));
      each_row(tensor, parameters, [&](std::int64_t row, const std::byte* weight) {
        std::memcpy(values.data() + static_cast<std::size_t>(row) * width, weight, width);
      });
      stored.push_back({tensor.name, options.type, view(values.data(), dtype, tensor.shape)});
    }
    const fs::path path = rank_file(folder, rank);
    disk.make_directories(path.parent_path());
    write_safetensors(disk, path, stored);
    disk.sync_directory(path.parent_path());
  }
  write_new_file(disk, folder / "config.json", hf_config_files(parameters.config(), options.type).front().text);
  disk.sync_directory(folder);
}

LoadedModel read_megatron_folder(const fs::path& folder, Dtype dtype) {
  const ModelConfig config = read_hf_config(folder / "config.json");
  std::int64_t ranks = 0;
  while (fs::exists(rank_file(folder, ranks))) ++ranks;
  if (ranks == 0) fail("{}: expected mp_rank_00/model.safetensors, and one folder for each further rank", folder.string());
  Parameters parameters(config, dtype);
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    read_rank(SafetensorsFile(rank_file(folder, rank)), rank, ranks, parameters);
  }
  return {config, std::move(parameters)};
}

}  // namespace cairn::model
