#include "engine/model/config.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "base/embedded.h"
#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"

namespace cairn::model {

const std::vector<EmbeddedFile>& embedded_files();  // assets/presets, by the build

namespace {

// Reads one JSON object; every complaint names the origin and the key.
class KeyReader {
 public:
  KeyReader(const Json& json, std::string origin) : json_(json), origin_(std::move(origin)) {
    if (!json_.is_object()) cairn::fail("{}: expected an object, found {}", origin_, found(json_));
  }

  const std::string& origin() const { return origin_; }

  // The value of `key`, or null when it is absent or null.
  const Json* find(const char* key) const {
    const auto it = json_.find(key);
    return it == json_.end() || it->is_null() ? nullptr : &*it;
  }

  std::int64_t integer(const char* key, std::int64_t low, std::int64_t high, std::optional<std::int64_t> missing = {}) const {
    const Json* value = find(key);
    if (!value) {
      if (missing) return *missing;
      cairn::fail("{}: {} is missing; expected an integer", origin_, key);
    }
    return integer_of(*value, key, low, high);
  }

  std::int64_t integer_of(const Json& value, const char* key, std::int64_t low, std::int64_t high) const {
    const bool fits =
        value.is_number_integer() &&
        (!value.is_number_unsigned() || value.get<std::uint64_t>() <= std::uint64_t(std::numeric_limits<std::int64_t>::max()));
    if (fits) {
      const auto number = value.get<std::int64_t>();
      if (number >= low && number <= high) return number;
    }
    cairn::fail("{}: {}: expected an integer in {}..{}, found {}", origin_, key, low, high, found(value));
  }

  double number(const char* key, double low, double high, double missing) const {
    const Json* value = find(key);
    if (!value) return missing;
    if (value->is_number()) {
      const double number = value->get<double>();
      if (number >= low && number <= high) return number;
    }
    cairn::fail("{}: {}: expected a number in {}..{}, found {}", origin_, key, low, high, found(*value));
  }

  // `key`, where present, must be `wanted`: another value would change the computation.
  void only(const char* key, const Json& wanted) const {
    const Json* value = find(key);
    if (value && *value != wanted)
      cairn::fail("{}: {}: only {} is supported, found {}", origin_, key, wanted.dump(), found(*value));
  }

 private:
  static std::string found(const Json& value) {
    const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return text.size() <= 60 ? text : std::string("a ") + value.type_name();
  }

  const Json& json_;
  std::string origin_;
};

// The frequencies of the rotary embedding: `rope` is rope_parameters or rope_scaling.
void read_rope(const KeyReader& rope, ModelConfig& config) {
  const Json* type = rope.find("rope_type");
  if (!type) type = rope.find("type");
  config.rope_theta = rope.number("rope_theta", 1.0, 1e12, config.rope_theta);
  if (!type || *type == "default") {
    config.rope_scaling.factor = 1;
    return;
  }
  if (*type != "llama3") cairn::fail("{}: rope_type: expected \"llama3\" or \"default\", found {}", rope.origin(), type->dump());
  RopeScaling& scaling = config.rope_scaling;
  scaling.factor = rope.number("factor", 1.0, 1e6, 8);
  scaling.low_freq_factor = rope.number("low_freq_factor", 1e-3, 1e6, 1);
  scaling.high_freq_factor = rope.number("high_freq_factor", 1e-3, 1e6, 4);
  scaling.original_positions = rope.number("original_max_position_embeddings", 1, 1e9, 8192);
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    cairn::fail("{}: high_freq_factor: expected more than low_freq_factor ({}), found {}", rope.origin(), scaling.low_freq_factor,
                scaling.high_freq_factor);
  }
}

constexpr std::int64_t kMaxId = std::numeric_limits<std::int32_t>::max();

void read_token_ids(const KeyReader& keys, ModelConfig& config) {
  config.bos = std::int32_t(keys.integer("bos_token_id", 0, kMaxId, 1));
  config.pad = std::int32_t(keys.integer("pad_token_id", 0, kMaxId, 3));
  if (const Json* eos = keys.find("eos_token_id")) {
    config.eos.clear();
    if (eos->is_array()) {
      for (const Json& id : *eos) config.eos.push_back(std::int32_t(keys.integer_of(id, "eos_token_id", 0, kMaxId)));
    } else {
      config.eos.push_back(std::int32_t(keys.integer_of(*eos, "eos_token_id", 0, kMaxId)));
    }
  }
}

std::string preset_of(std::string_view file_name) {
  return std::string(file_name.substr(0, file_name.rfind('.')));
}

}  // namespace

std::int64_t ModelConfig::matmul_parameters() const {
  const std::int64_t attention = 2 * width * heads * head_width + 2 * width * kv_heads * head_width;
  return layers * (attention + 2 * width * mlp_width) + vocab * width;
}

std::int64_t ModelConfig::parameters() const {
  return matmul_parameters() + vocab * width + width + layers * (2 * width + 2 * head_width + 2);
}

double ModelConfig::train_flops_per_token(std::int64_t T) const {
  return 6.0 * double(matmul_parameters()) + 6.0 * double(layers * heads * head_width) * double(T);
}

ModelConfig parse_hf_config(const Json& json, std::string_view origin) {
  const KeyReader keys(json, std::string(origin));
  keys.only("model_type", "apertus");
  keys.only("hidden_act", "xielu");
  keys.only("attention_bias", false);
  keys.only("mlp_bias", false);
  keys.only("tie_word_embeddings", false);
  keys.only("post_norm", false);
  keys.only("qk_norm", true);
  if (!keys.find("model_type")) cairn::fail("{}: model_type is missing; expected \"apertus\"", origin);

  ModelConfig config;
  config.layers = keys.integer("num_hidden_layers", 1, 4096);
  config.width = keys.integer("hidden_size", 1, 1 << 18);
  config.heads = keys.integer("num_attention_heads", 1, 1 << 12);
  config.kv_heads = keys.integer("num_key_value_heads", 1, config.heads, config.heads);
  config.mlp_width = keys.integer("intermediate_size", 1, 1 << 20);
  config.vocab = keys.integer("vocab_size", 1, 1 << 24);
  config.max_positions = keys.integer("max_position_embeddings", 1, std::int64_t(1) << 30, 65536);
  config.norm_eps = keys.number("rms_norm_eps", 1e-30, 1, 1e-5);
  if (config.heads % config.kv_heads != 0) {
    cairn::fail("{}: num_key_value_heads: expected a divisor of num_attention_heads ({}), found {}", origin, config.heads,
                config.kv_heads);
  }
  if (!keys.find("head_dim") && config.width % config.heads != 0) {
    cairn::fail("{}: hidden_size: expected a multiple of num_attention_heads ({}), found {}", origin, config.heads, config.width);
  }
  config.head_width = keys.integer("head_dim", 2, 1 << 12, config.width / config.heads);
  if (config.head_width < 2 || config.head_width % 2 != 0) {
    cairn::fail("{}: head_dim: expected an even number (rotary pairs), found {}", origin, config.head_width);
  }
  read_token_ids(keys, config);

  config.rope_theta = keys.number("rope_theta", 1.0, 1e12, 12e6);
  if (const Json* rope = keys.find("rope_parameters")) {
    read_rope(KeyReader(*rope, fmt::format("{}: rope_parameters", origin)), config);
  } else if (const Json* scaling = keys.find("rope_scaling")) {
    read_rope(KeyReader(*scaling, fmt::format("{}: rope_scaling", origin)), config);
  } else {
    config.rope_scaling = {.factor = 8, .low_freq_factor = 1, .high_freq_factor = 4, .original_positions = 8192};
  }
  return config;
}

ModelConfig read_hf_config(const std::filesystem::path& config_json) {
  return parse_hf_config(read_json(config_json), config_json.string());
}

Json to_hf_config(const ModelConfig& config, std::string_view dtype) {
  Json rope = {{"rope_theta", config.rope_theta}, {"rope_type", "default"}};
  if (config.rope_scaling.factor != 1) {
    rope["rope_type"] = "llama3";
    rope["factor"] = config.rope_scaling.factor;
    rope["low_freq_factor"] = config.rope_scaling.low_freq_factor;
    rope["high_freq_factor"] = config.rope_scaling.high_freq_factor;
    rope["original_max_position_embeddings"] = std::int64_t(config.rope_scaling.original_positions);
  }
  Json json = {
      {"architectures", {"ApertusForCausalLM"}},
      {"attention_bias", false},
      {"attention_dropout", 0.0},
      {"bos_token_id", config.bos},
      {"dtype", dtype},
      {"eos_token_id", config.eos.size() == 1 ? Json(config.eos[0]) : Json(config.eos)},
      {"hidden_act", "xielu"},
      {"hidden_size", config.width},
      {"initializer_range", 0.02},
      {"intermediate_size", config.mlp_width},
      {"max_position_embeddings", config.max_positions},
      {"model_type", "apertus"},
      {"num_attention_heads", config.heads},
      {"num_hidden_layers", config.layers},
      {"num_key_value_heads", config.kv_heads},
      {"pad_token_id", config.pad},
      {"rms_norm_eps", config.norm_eps},
      {"rope_parameters", rope},
      {"tie_word_embeddings", false},
      {"use_cache", true},
      {"vocab_size", config.vocab},
  };
  if (config.head_width * config.heads != config.width) json["head_dim"] = config.head_width;
  return json;
}

ModelConfig preset(const std::string& name) {
  for (const EmbeddedFile& file : embedded_files()) {
    if (preset_of(file.name) == name) return parse_hf_config(parse_json(file.text, file.name), file.name);
  }
  const std::vector<std::string> names = preset_names();
  const std::string near = nearest_name(name, names);
  fail_usage("unknown model preset '{}'{}; known: {}", name, near.empty() ? "" : fmt::format(". Did you mean '{}'?", near),
             fmt::join(names, ", "));
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : embedded_files()) names.push_back(preset_of(file.name));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace cairn::model
